import type { HealthCheckConfig, HealthState } from '../../snapshot.js';

/**
 * Health of one backend as the active checks see it. It starts `unknown`; the first good check makes it `healthy`,
 * `fall` bad ones in a row `unhealthy`, then `rise` good ones in a row `healthy` again.
 */
export class HealthTracker {
  state: HealthState = 'unknown';
  lastCheckAt: Date | null = null;
  private streak = 0;
  private lastGood: boolean | null = null;

  /** Takes the result of a check and returns the state after it. */
  record(good: boolean, config: Pick<HealthCheckConfig, 'rise' | 'fall'>): HealthState {
    this.lastCheckAt = new Date();
    this.streak = good === this.lastGood ? this.streak + 1 : 1;
    this.lastGood = good;
    if (good && (this.state === 'unknown' || this.streak >= config.rise)) this.state = 'healthy';
    if (!good && this.streak >= config.fall) this.state = 'unhealthy';
    return this.state;
  }

  /** Forgets what was seen: checks were switched off, or the backend was disabled. */
  reset(): void {
    this.state = 'unknown';
    this.streak = 0;
    this.lastGood = null;
  }
}
