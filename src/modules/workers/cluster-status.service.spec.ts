import type { ServiceReadings } from '../cluster/index.js';
import { statusOf } from './cluster-status.service.js';
import type { WorkerRow } from './worker.js';

const services = {} as ServiceReadings;
const worker = (status: WorkerRow['status'], state: string, cpu: number | null = 10) =>
  ({ status, process: { state }, host: { cpu_percent: cpu, memory_percent: 20 } }) as WorkerRow;
const active = worker('active', 'running');
const stopped = worker('inactive', 'stopped');
const failed = worker('inactive', 'failed');
const offline = worker('offline', 'running', 99);

describe('statusOf', () => {
  it.each([
    ['no_workers', []],
    ['healthy', [active]],
    ['healthy', [active, stopped]],
    ['degraded', [active, offline]],
    ['degraded', [stopped, failed]],
    ['down', [offline, failed]],
  ])('is %s', (status, workers) => {
    expect(statusOf(workers, services).status).toBe(status);
  });

  it('sums the figures of the workers that report, and counts the ones that work', () => {
    const { totalCpu, totalMemory, activeWorkers } = statusOf([active, stopped, offline], services);
    expect({ totalCpu, totalMemory, activeWorkers }).toEqual({
      totalCpu: 20,
      totalMemory: 40,
      activeWorkers: 1,
    });
  });

  it('leaves out a figure that is not known', () => {
    expect(statusOf([active, worker('active', 'running', null)], services).totalCpu).toBe(10);
  });
});
