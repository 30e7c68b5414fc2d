import os from 'node:os';
import { Environment } from '../../../platform/config/environment.js';
import { HostSampler } from './host-sampler.js';

describe('HostSampler', () => {
  it('measures this machine', async () => {
    const sampler = new HostSampler(Object.assign(new Environment(), { DATA_DIR: os.tmpdir() }));
    const sample = await sampler.sample();
    expect(sample.cpuPercent).toBeGreaterThanOrEqual(0);
    expect(sample.cpuPercent).toBeLessThanOrEqual(100);
    expect(sample.memory.total).toBeGreaterThan(0);
    expect(sample.memory.used + sample.memory.available).toBe(sample.memory.total);
    expect(sample.disk.percent).toBeGreaterThan(0);
    expect(sample.networkRx).toBeGreaterThanOrEqual(0);
    expect(Array.isArray(sample.gpus)).toBe(true);
  });

  it('measures also where the data directory does not exist', async () => {
    const sampler = new HostSampler(Object.assign(new Environment(), { DATA_DIR: '/nowhere/at/all' }));
    expect((await sampler.sample()).disk.total).toBeGreaterThan(0);
  });
});
