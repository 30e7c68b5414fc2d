export type { AnomalyDetector, AnomalyFinding, DetectorOptions } from './detector.js';
export { ResidualDetector, type ResidualState } from './residual.js';
