import type { Systeminformation } from 'systeminformation';
import { HostSampler, toGpuFigures } from './host-figures.js';

const controller = (members: Partial<Systeminformation.GraphicsControllerData>) =>
  ({ model: 'card', ...members }) as Systeminformation.GraphicsControllerData;

describe('HostSampler', () => {
  it('reads figures that this machine can have', async () => {
    const figures = await new HostSampler().sample();
    expect(figures.cpu_percent).toBeGreaterThanOrEqual(0);
    expect(figures.cpu_percent).toBeLessThanOrEqual(100);
    expect(figures.memory_percent).toBeGreaterThan(0);
    expect(figures.memory_percent).toBeLessThan(100);
    expect(figures.uptime_seconds).toBeGreaterThan(0);
  });

  it('does not measure again within a moment', async () => {
    const sampler = new HostSampler();
    expect(await sampler.sample()).toBe(await sampler.sample());
  });
});

describe('toGpuFigures', () => {
  it('gives load and memory use of a GPU that reports them', () => {
    const gpu = controller({ name: 'A100', utilizationGpu: 37, memoryTotal: 40_000, memoryUsed: 10_000 });
    expect(toGpuFigures([gpu])).toEqual([{ name: 'A100', utilization_percent: 37, memory_percent: 25 }]);
  });

  it('leaves out a display adapter that reports neither, and says null for what is unknown', () => {
    const adapter = controller({ vram: 16 });
    const half = controller({ utilizationGpu: 0 });
    expect(toGpuFigures([adapter, half])).toEqual([
      { name: 'card', utilization_percent: 0, memory_percent: null },
    ]);
  });
});
