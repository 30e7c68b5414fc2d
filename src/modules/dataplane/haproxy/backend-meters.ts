import { Ewma } from '../embedded/balancing/ewma.js';
import type { AccessLine } from './access-log.js';
import type { BackendSample } from './weights.js';

/** Time constant of the response time that statistics show, ms. */
const TAU_MS = 10_000;

interface Meter {
  readonly responseTime: Ewma;
  answered: number;
  responseTimeSumMs: number;
  failed: number;
}

/** Response times and failures of backends, from the access log. */
export class BackendMeters {
  private readonly meters = new Map<string, Meter>();

  /** @param now Monotonic clock, ms. */
  constructor(private readonly now: () => number) {}

  add(line: AccessLine): void {
    const { triedBackendId, responseTimeMs, status, clientAborted } = line;
    if (triedBackendId === null) return;
    const meter = this.meterOf(triedBackendId);
    if (responseTimeMs !== null) meter.responseTime.add(responseTimeMs, this.now());
    // A client that went away says nothing about the backend.
    if (responseTimeMs === null && clientAborted) return;
    if (responseTimeMs === null || status >= 500) {
      meter.failed++;
      return;
    }
    meter.answered++;
    meter.responseTimeSumMs += responseTimeMs;
  }

  responseTimeMs(backendId: string): number | null {
    return this.meters.get(backendId)?.responseTime.value ?? null;
  }

  /** What came since the last call. */
  take(backendId: string): Omit<BackendSample, 'inFlight'> {
    const meter = this.meters.get(backendId);
    if (!meter) return { answered: 0, responseTimeSumMs: 0, failed: 0 };
    const { answered, responseTimeSumMs, failed } = meter;
    meter.answered = 0;
    meter.responseTimeSumMs = 0;
    meter.failed = 0;
    return { answered, responseTimeSumMs, failed };
  }

  /** Forgets backends that are gone. */
  keep(exists: (backendId: string) => boolean): void {
    for (const id of this.meters.keys()) if (!exists(id)) this.meters.delete(id);
  }

  private meterOf(backendId: string): Meter {
    let meter = this.meters.get(backendId);
    if (!meter) {
      meter = { responseTime: new Ewma(TAU_MS), answered: 0, responseTimeSumMs: 0, failed: 0 };
      this.meters.set(backendId, meter);
    }
    return meter;
  }
}
