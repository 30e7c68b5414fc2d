import { uptime } from 'node:os';
import si from 'systeminformation';
import type { GpuFigures, HostFigures } from '../common/agent-protocol.js';

type GraphicsController = si.Systeminformation.GraphicsControllerData;

const MAX_GPUS = 16;

/** Figures this fresh, ms, are given again: over a shorter time CPU use is noise. */
const FRESH_MS = 1_000;

/** Reads this machine's load. */
export class HostSampler {
  private latest: Promise<HostFigures> | null = null;
  private takenAt = 0;
  /** Unknown until the first sample; a machine without a GPU is not asked again, since asking starts programs. */
  private hasGpu: boolean | null = null;

  /** CPU is the mean since the sample before (the first: since boot). A figure that cannot be read is null. */
  sample(): Promise<HostFigures> {
    const now = performance.now();
    if (this.latest === null || now - this.takenAt >= FRESH_MS) {
      this.latest = this.read();
      this.takenAt = now;
    }
    return this.latest;
  }

  private async read(): Promise<HostFigures> {
    const [load, memory, gpus] = await Promise.all([orNull(si.currentLoad()), orNull(si.mem()), this.gpus()]);
    return {
      cpu_percent: percent(load?.currentLoad),
      memory_percent: memory ? percent((1 - memory.available / memory.total) * 100) : null,
      gpus,
      uptime_seconds: uptime(),
    };
  }

  private async gpus(): Promise<GpuFigures[]> {
    if (this.hasGpu === false) return [];
    const figures = toGpuFigures((await orNull(si.graphics()))?.controllers ?? []);
    this.hasGpu = figures.length > 0;
    return figures;
  }
}

/** The controllers that report a load or memory use; a plain display adapter reports neither. */
export function toGpuFigures(controllers: readonly GraphicsController[]): GpuFigures[] {
  return controllers
    .map((gpu) => ({
      name: (gpu.name || gpu.model || 'GPU').slice(0, 200),
      utilization_percent: percent(gpu.utilizationGpu),
      memory_percent: gpu.memoryTotal
        ? percent(((gpu.memoryUsed ?? Number.NaN) / gpu.memoryTotal) * 100)
        : null,
    }))
    .filter((gpu) => gpu.utilization_percent !== null || gpu.memory_percent !== null)
    .slice(0, MAX_GPUS);
}

function percent(value: number | undefined): number | null {
  if (value === undefined || !Number.isFinite(value)) return null;
  return Math.round(Math.min(100, Math.max(0, value)) * 10) / 10;
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch {
    return null;
  }
}
