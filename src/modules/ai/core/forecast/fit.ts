import type { Progress } from '../progress.js';
import { fitBoosting } from './boosting.js';
import { type Dataset, interleave, makeDataset } from './dataset.js';
import { type Expert, NAIVE, RULES, relativeTo } from './experts.js';
import { type FeatureBuilder, featureIndex } from './features.js';
import type { History } from './history.js';
import { fitMlp } from './mlp.js';
import type { Band, ModelType } from './model.js';
import { fitRidge } from './ridge.js';

/** How experts are fitted. */
export interface FitPlan {
  modelType: ModelType;
  epochs: number;
  learningRate?: number;
  seed: number;
  /** Whether `auto` has the neural network among its experts, by far the slowest to fit; default true. */
  network?: boolean;
  /** Names of the experts to fit in each band; all of the model type when left out. */
  only?: readonly ReadonlySet<string>[];
}

/** An epoch of boosting is so many rounds. */
const ROUNDS_PER_EPOCH = 10;
const MAX_ROUNDS = 100;
/** Share of the progress that the network takes among all experts. */
const NETWORK_SHARE = 0.4;

/** Fits one expert of one band. */
type Recipe = (data: Dataset, plan: FitPlan, seed: number, progress: Progress) => Expert['model'];

const ridge: Recipe = (data, _plan, _seed, progress) => fitRidge(data, {}, progress);
const trees: Recipe = (data, plan, seed, progress) =>
  fitBoosting(data, { rounds: Math.min(MAX_ROUNDS, plan.epochs * ROUNDS_PER_EPOCH), seed }, progress);

/** Experts that are fitted band by band. */
const RECIPES: readonly { name: string; base: number | null; recipe: Recipe }[] = [
  { name: 'linear_regression', base: null, recipe: ridge },
  { name: 'gradient_boosting', base: null, recipe: trees },
  { name: 'gradient_boosting_on_ewma', base: featureIndex('EWMA 0.3'), recipe: trees },
  { name: 'gradient_boosting_on_median', base: featureIndex('median of 15'), recipe: trees },
];
const NETWORK = 'neural_network';

/** Bands that widen with the horizon, up to `longest`: 1, 2–3, 4–12, 13–48, 49–144, 145–288. */
export function bandsUpTo(longest: number): Band[] {
  const ends = [1, 3, 12, 48, 144, 288].filter((end) => end < longest);
  return [...ends, longest].map((to, i, all) => {
    const from = i === 0 ? 1 : all[i - 1] + 1;
    return { from, to, measured: Math.round(Math.sqrt(from * to)) };
  });
}

/** Names of the experts of a band, in the order they are fitted; the naive forecast is always the first. */
function namesFor(plan: FitPlan, band: number): string[] {
  const { modelType, network = true, only } = plan;
  const all = [...RULES, ...RECIPES].map(({ name }) => name);
  const ofType = modelType === 'auto' ? [...all, ...(network ? [NETWORK] : [])] : [NAIVE, modelType];
  return ofType.filter((name) => only === undefined || name === NAIVE || only[band].has(name));
}

/** One network for all bands, since the horizon is among its inputs. */
function fitNetwork(
  sets: readonly Dataset[],
  { epochs, learningRate, seed }: FitPlan,
  progress: Progress,
): Expert {
  const model = fitMlp(interleave(sets), { epochs, learningRate, seed }, progress);
  return { name: NETWORK, base: null, model };
}

function fitBand(
  data: Dataset,
  names: readonly string[],
  plan: FitPlan,
  seed: number,
  progress: Progress,
): Expert[] {
  const recipes = RECIPES.filter(({ name }) => names.includes(name));
  const fitted = recipes.map(({ name, base, recipe }, i) => {
    const part = progress.part(i / recipes.length, (i + 1) / recipes.length);
    return { name, base, model: recipe(relativeTo(data, base), plan, seed + i, part) };
  });
  return [...RULES.filter(({ name }) => names.includes(name)), ...fitted];
}

/**
 * Fits the experts of every band on what was observed up to bucket `end`.
 *
 * @returns the experts of each band, in the order of the bands
 * @throws TrainingStoppedError
 */
export function fitBands(
  history: History,
  features: FeatureBuilder,
  bands: readonly Band[],
  end: number,
  plan: FitPlan,
  progress: Progress,
): Expert[][] {
  const sets = bands.map((band, i) => makeDataset(history, features, band, end, plan.seed + i, progress));
  const names = bands.map((_, i) => namesFor(plan, i));
  const wantsNetwork = names.some((own) => own.includes(NETWORK));
  const share = wantsNetwork ? (plan.modelType === 'auto' ? NETWORK_SHARE : 1) : 0;
  const fitted = sets.map((data, i) => {
    const part = progress.part(((1 - share) * i) / sets.length, ((1 - share) * (i + 1)) / sets.length);
    return fitBand(data, names[i], plan, plan.seed + 101 * i, part);
  });
  if (!wantsNetwork) return fitted;
  const network = fitNetwork(sets, plan, progress.part(1 - share, 1));
  return fitted.map((experts, i) => (names[i].includes(NETWORK) ? [...experts, network] : experts));
}
