import type { Severity } from '../../monitoring/index.js';

/** Watched for every pool, once a minute. */
export const POOL_METRICS = ['requests', 'latency', 'errors'] as const;
/** Watched for every node, once a minute. */
export const SYSTEM_METRICS = ['cpu', 'memory', 'disk', 'network_rx', 'network_tx'] as const;
export const METRICS = [...POOL_METRICS, ...SYSTEM_METRICS] as const;
export type Metric = (typeof METRICS)[number];

/** Minutes with fewer requests say nothing of latency and errors. */
export const MIN_REQUESTS = 10;

interface MetricFacts {
  label: string;
  unit: string;
  /** Which way is bad; a finding the other way is worth knowing but no warning. */
  bad: 'up' | 'down';
  /** A deviation of this size means nothing, whatever the history says. `requests`: of that minute. */
  noise: (value: number, requests: number) => number;
}

const points = (size: number) => () => size;
const network = (value: number) => Math.max(10_000, 0.1 * value);

export const FACTS: Readonly<Record<Metric, MetricFacts>> = {
  // a Poisson count varies by its root
  requests: {
    label: 'Requests',
    unit: 'a minute',
    bad: 'down',
    noise: (value) => Math.max(3, Math.sqrt(value)),
  },
  latency: { label: 'Latency', unit: 'ms', bad: 'up', noise: (value) => Math.max(2, 0.1 * value) },
  // a share of n requests varies by at most 0.5/√n, by 0.3/√n at one in ten
  errors: {
    label: 'Share of errors',
    unit: '',
    bad: 'up',
    noise: (_, requests) => Math.max(0.01, 0.3 / Math.sqrt(requests)),
  },
  cpu: { label: 'CPU use', unit: '%', bad: 'up', noise: points(5) },
  memory: { label: 'Memory use', unit: '%', bad: 'up', noise: points(2) },
  disk: { label: 'Disk use', unit: '%', bad: 'up', noise: points(1) },
  network_rx: { label: 'Received', unit: 'B/s', bad: 'up', noise: network },
  network_tx: { label: 'Sent', unit: 'B/s', bad: 'up', noise: network },
};

/** WARNING for what gets worse, INFO for what gets better. */
export function severityOf(metric: Metric, value: number, expected: number): Severity {
  return value > expected === (FACTS[metric].bad === 'up') ? 'WARNING' : 'INFO';
}

const text = (value: number): string => String(Number(value.toPrecision(3)));

/** One sentence for people. @param of `pool 'web'` or `node n1` */
export function messageOf(
  metric: Metric,
  of: string,
  value: number,
  range: { lower: number; upper: number },
): string {
  const { label, unit } = FACTS[metric];
  const end = unit ? ` ${unit}` : '';
  return `${label} of ${of}: ${text(value)}${end}, ${text(range.lower)} to ${text(range.upper)}${end} was expected`;
}
