import { statfs } from 'node:fs/promises';
import os from 'node:os';
import { Injectable } from '@nestjs/common';
import si from 'systeminformation';
import { Environment } from '../../../platform/config/environment.js';

export interface GpuSample {
  name: string;
  /** 0–100; null when the driver does not say. */
  utilization_percent: number | null;
  memory_percent: number | null;
}

/** This machine at one moment. Rates are means since the sample before. */
export interface HostSample {
  at: Date;
  /** Over all cores, 0–100. */
  cpuPercent: number;
  memory: { total: number; used: number; available: number; percent: number };
  /** The file system that holds DATA_DIR (the working directory where that does not exist), bytes. */
  disk: { total: number; used: number; available: number; percent: number };
  /** Bytes a second over all interfaces but the loopback. */
  networkRx: number;
  networkTx: number;
  /** Empty where no GPU reports. */
  gpus: GpuSample[];
}

interface CpuTimes {
  busy: number;
  total: number;
}

/** The first sample covers this long. */
const FIRST_SPAN_MS = 250;

/**
 * Reads this machine's load. Everything it calls works in the background (libuv, short child processes): the parts of
 * systeminformation that start programs synchronously (its own list of interfaces) are not used.
 */
@Injectable()
export class HostSampler {
  private before: CpuTimes | null = null;
  /** A machine without a GPU is not asked again: asking starts programs. */
  private hasGpu: boolean | null = null;

  constructor(private readonly environment: Environment) {}

  async sample(): Promise<HostSample> {
    if (!this.before) await this.prime();
    const [memory, disk, network, gpus] = await Promise.all([
      this.memory(),
      this.disk(),
      this.network(),
      this.gpus(),
    ]);
    return { at: new Date(), cpuPercent: this.cpu(), memory, disk, ...network, gpus };
  }

  /** Rates need two readings. */
  private async prime(): Promise<void> {
    this.before = cpuTimes();
    await Promise.all([this.network(), new Promise((r) => setTimeout(r, FIRST_SPAN_MS))]);
  }

  private cpu(): number {
    const now = cpuTimes();
    const before = this.before ?? now;
    this.before = now;
    const total = now.total - before.total;
    return total > 0 ? percent((now.busy - before.busy) / total) : 0;
  }

  private async memory(): Promise<HostSample['memory']> {
    const { total, available } = await si.mem();
    return { total, available, used: total - available, percent: percent((total - available) / total) };
  }

  private async disk(): Promise<HostSample['disk']> {
    const { bsize, blocks, bfree, bavail } = await statfs(this.environment.DATA_DIR).catch(() => statfs('.'));
    const used = (blocks - bfree) * bsize;
    const available = bavail * bsize;
    // as df counts: what only root may use belongs to neither
    return { total: blocks * bsize, used, available, percent: percent(used / (used + available)) };
  }

  private async network(): Promise<{ networkRx: number; networkTx: number }> {
    const names = Object.entries(os.networkInterfaces())
      .filter(([, addresses]) => addresses?.some((address) => !address.internal))
      .map(([name]) => name);
    const stats = names.length ? await si.networkStats(names.join(',')) : [];
    const sum = (key: 'rx_sec' | 'tx_sec') => stats.reduce((total, each) => total + (each[key] ?? 0), 0);
    return { networkRx: sum('rx_sec'), networkTx: sum('tx_sec') };
  }

  private async gpus(): Promise<GpuSample[]> {
    if (this.hasGpu === false) return [];
    const { controllers } = await si.graphics();
    const gpus = controllers
      .map(toGpu)
      .filter((g) => g.utilization_percent !== null || g.memory_percent !== null);
    this.hasGpu = gpus.length > 0;
    return gpus;
  }
}

function cpuTimes(): CpuTimes {
  const times = os.cpus().map((cpu) => cpu.times);
  const total = times.reduce((sum, t) => sum + t.user + t.nice + t.sys + t.idle + t.irq, 0);
  return { total, busy: total - times.reduce((sum, t) => sum + t.idle, 0) };
}

/** A share as a percentage with one decimal. */
function percent(share: number): number {
  return Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10;
}

const shareOf = (part: number | undefined, whole: number | undefined): number | null =>
  part !== undefined && whole ? percent(part / whole) : null;

function toGpu(gpu: si.Systeminformation.GraphicsControllerData): GpuSample {
  return {
    name: (gpu.name || gpu.model || 'GPU').slice(0, 200),
    utilization_percent: shareOf(gpu.utilizationGpu, 100),
    memory_percent: shareOf(gpu.memoryUsed, gpu.memoryTotal),
  };
}
