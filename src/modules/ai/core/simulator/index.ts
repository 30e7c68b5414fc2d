export {
  type AlgorithmComparison,
  compareAlgorithms,
  MIN_SUPPORT,
} from './compare.js';
export type { BalancerFactory } from './replay.js';
export type { RecordedRequest, RecordedTraffic } from './samples.js';
