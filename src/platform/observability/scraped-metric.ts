import { type Metric, register } from 'prom-client';

export interface Sample {
  labels: Record<string, string>;
  value: number;
  /** Of a histogram's parts; the metric's own name when left out. */
  metricName?: string;
}

/**
 * Registers a metric whose samples are made at the scrape, for figures that are kept elsewhere. `samples` is cheap and
 * does not ask anybody. The metric of an earlier application in this process goes.
 */
export function exposeMetric(
  name: string,
  help: string,
  type: 'counter' | 'gauge' | 'histogram',
  samples: () => Sample[],
): void {
  const metric = {
    name,
    help,
    type,
    get: async () => ({ name, help, type, values: samples(), aggregator: 'sum' }),
  };
  register.removeSingleMetric(name);
  register.registerMetric(metric as unknown as Metric);
}
