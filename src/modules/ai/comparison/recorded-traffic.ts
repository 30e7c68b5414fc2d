import type { AccessLine } from '../../telemetry/index.js';
import type { RecordedRequest, RecordedTraffic } from '../core/index.js';

/** What a backend carried in the log's time, by the counters, which leave nothing out. */
export interface Carried {
  requests: number;
  /** Answers of class 5xx. */
  errors: number;
}

/** Every n-th, so that `count` of them are left. */
function thinned<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}

/** The log keeps all errors but only a sample of the rest; without correction every backend would look broken. */
function fairShare(lines: readonly AccessLine[], carried: Carried | undefined): AccessLine[] {
  const good = lines.filter(({ status }) => status < 500);
  const bad = lines.filter(({ status }) => status >= 500);
  if (!carried || carried.requests <= carried.errors) return [...good, ...bad];
  const odds = carried.errors / (carried.requests - carried.errors);
  return [...good, ...thinned(bad, Math.round(good.length * odds))];
}

const requestOf = (line: AccessLine): RecordedRequest => ({
  arrivalMs: line.at.getTime() - line.latencyMs,
  backendId: line.backendId!,
  serviceMs: line.latencyMs,
  error: line.status >= 500,
  random: true,
});

/**
 * One pool's access log as a trace. The log is a uniform sample of the good answers; errors are thinned to their true
 * share. Lines count as random choices, though the pool's own algorithm chose: the comparison is observational.
 *
 * @param lines of backends that are in `backends`
 */
export function recordedTraffic(
  lines: readonly AccessLine[],
  backends: RecordedTraffic['backends'],
  carried: ReadonlyMap<string, Carried>,
): RecordedTraffic {
  const requests = backends
    .flatMap(({ id }) =>
      fairShare(
        lines.filter(({ backendId }) => backendId === id),
        carried.get(id),
      ),
    )
    .map(requestOf)
    .sort((a, b) => a.arrivalMs - b.arrivalMs);
  const total = [...carried.values()].reduce((sum, { requests: n }) => sum + n, 0);
  const share = total > 0 ? Math.min(1, requests.length / total) : 1;
  return { requests, backends, recordedShare: share > 0 ? share : 1 };
}
