export {
  type AlgorithmComparison,
  type AlgorithmFigures,
  compareAlgorithms,
  MIN_SUPPORT,
} from './compare.js';
export type { BalancerFactory, SimulatedBalancer } from './replay.js';
export type { RecordedRequest, RecordedTraffic } from './samples.js';
