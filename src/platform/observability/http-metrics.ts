import { Injectable } from '@nestjs/common';
import { InjectMetric, makeCounterProvider, makeHistogramProvider } from '@willsoto/nestjs-prometheus';
import { Counter, Histogram } from 'prom-client';

const labelNames = ['method', 'route', 'status'];

export const httpMetricProviders = [
  makeCounterProvider({ name: 'http_requests_total', help: 'Requests answered by the API', labelNames }),
  makeHistogramProvider({
    name: 'http_request_duration_seconds',
    help: 'Time from a request head to its answer',
    labelNames,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  }),
  makeHistogramProvider({
    name: 'http_response_size_bytes',
    help: 'Size of the API’s answers',
    labelNames,
    buckets: [128, 512, 2048, 8192, 32_768, 131_072, 1_048_576],
  }),
];

interface Series {
  requests: { inc(): void };
  duration: { observe(seconds: number): void };
  size: { observe(bytes: number): void };
}

/** What the API itself answered. `route` is the pattern, never the path, so that the series stay bounded. */
@Injectable()
export class HttpMetrics {
  private readonly series = new Map<string, Series>();

  constructor(
    @InjectMetric('http_requests_total') private readonly requests: Counter,
    @InjectMetric('http_request_duration_seconds') private readonly duration: Histogram,
    @InjectMetric('http_response_size_bytes') private readonly size: Histogram,
  ) {}

  observe(method: string, route: string, status: number, seconds: number, bytes: number): void {
    const key = `${method} ${route} ${status}`;
    let series = this.series.get(key);
    if (!series) {
      const labels = { method, route, status: String(status) };
      series = {
        requests: { inc: () => this.requests.inc(labels) },
        duration: { observe: (s) => this.duration.observe(labels, s) },
        size: { observe: (b) => this.size.observe(labels, b) },
      };
      this.series.set(key, series);
    }
    series.requests.inc();
    series.duration.observe(seconds);
    series.size.observe(bytes);
  }
}
