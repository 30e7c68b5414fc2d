export { type ComponentState, HealthRegistry } from './health-registry.js';
export { AppLogger, LOG_LEVELS, type LogLevel, type LogLine, onLogLine } from './logger.js';
export { ObservabilityModule } from './observability.module.js';
export { exposeMetric, type Sample } from './scraped-metric.js';
