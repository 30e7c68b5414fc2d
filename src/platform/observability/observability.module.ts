import { Global, Module } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { HealthRegistry } from './health-registry.js';
import { HttpMetrics, httpMetricProviders } from './http-metrics.js';
import { MetricsController } from './metrics.controller.js';

@Global()
@Module({
  imports: [PrometheusModule.register({ path: '/metrics', controller: MetricsController })],
  providers: [HealthRegistry, HttpMetrics, ...httpMetricProviders],
  exports: [HealthRegistry, HttpMetrics, PrometheusModule],
})
export class ObservabilityModule {}
