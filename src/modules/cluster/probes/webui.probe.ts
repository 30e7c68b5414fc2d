import { below } from './fetch-text.js';
import { ServiceProbe } from './service-probe.js';

/** Open WebUI: any answer to `GET /` other than a server error shows that it runs. */
export class WebUiProbe extends ServiceProbe<null> {
  constructor(
    private readonly baseUrl: string,
    timeLimitMs?: number,
  ) {
    super(null, timeLimitMs);
  }

  protected async measure(signal: AbortSignal): Promise<null> {
    const response = await fetch(below(this.baseUrl, ''), { signal, redirect: 'manual' });
    await response.body?.cancel();
    if (response.status >= 500) throw new Error(`answered ${response.status}`);
    return null;
  }
}
