import { Global, Module } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { HttpMetrics, httpMetricProviders } from './http-metrics.js';
import { MetricsController } from './metrics.controller.js';

@Global()
@Module({
  imports: [PrometheusModule.register({ path: '/metrics', controller: MetricsController })],
  providers: [HttpMetrics, ...httpMetricProviders],
  exports: [HttpMetrics, PrometheusModule],
})
export class ObservabilityModule {}
