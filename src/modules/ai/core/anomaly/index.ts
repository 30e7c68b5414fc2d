export { ContextualDetector, type ContextualOptions, type ContextualState } from './contextual.js';
export type { AnomalyDetector, AnomalyFinding, DetectorOptions } from './detector.js';
export { ResidualDetector, type ResidualState } from './residual.js';
