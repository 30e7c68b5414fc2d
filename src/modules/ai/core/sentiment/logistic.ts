import { InvalidInputError, NotEnoughDataError } from '../errors.js';
import { Random } from '../numeric/random.js';
import { significant } from '../numeric/statistics.js';
import { Progress, type TrainingHooks } from '../progress.js';
import { type ClassifierCard, fitTemperature, measureClassifier, softmax } from './calibration.js';
import {
  decide,
  SENTIMENT_LABELS,
  type SentimentLabel,
  type SentimentModel,
  type SentimentPrediction,
} from './sentiment.js';
import { normalise, tokenise } from './text.js';

/** A text and what it is. */
export interface LabelledText {
  text: string;
  label: SentimentLabel;
}

/** A trained classifier as plain data. */
export interface LogisticSentimentModel {
  kind: 'hashed-logistic-regression';
  version: 1;
  labels: SentimentLabel[];
  /** Number of hash buckets. */
  buckets: number;
  /** Weights that are not zero, a list for each label: bucket, weight, bucket, weight, … */
  weights: number[][];
  biases: number[];
  /** Logits are divided by this before they become probabilities (Guo et al. 2017). */
  temperature: number;
  card: ClassifierCard;
}

export interface LogisticOptions extends TrainingHooks {
  /** Passes over the rows, default 12. */
  epochs?: number;
  /** AdaGrad step, default 0.3. */
  learningRate?: number;
  seed?: number;
}

/** Fewer rows than this are refused, and fewer than {@link MIN_ROWS_PER_LABEL} of a label. */
const MIN_ROWS = 40;
const MIN_ROWS_PER_LABEL = 10;
const BUCKETS = 1 << 17;
const MAX_ROWS = 200_000;
const PENALTY = 1e-5;

/** 32-bit FNV-1a over UTF-16 units. */
function hash(term: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < term.length; i++) state = Math.imul(state ^ term.charCodeAt(i), 0x01000193);
  return (state >>> 0) & (BUCKETS - 1);
}

/** Hash buckets of the distinct words and word pairs of a text. */
function termsOf(text: string): Int32Array {
  const words = tokenise(normalise(text)).map((token) => token.text);
  const terms = new Set<number>();
  words.forEach((word, i) => {
    terms.add(hash(word));
    terms.add(hash(`${words[i - 1] ?? '^'} ${word}`));
  });
  return Int32Array.from(terms);
}

/** One linear function a label over the hash buckets. */
class Weights {
  readonly values: Float32Array;
  readonly biases: Float64Array;

  constructor(labels: number) {
    this.values = new Float32Array(labels * BUCKETS);
    this.biases = new Float64Array(labels);
  }

  logits(terms: Int32Array): number[] {
    const scale = 1 / Math.sqrt(terms.length || 1);
    return Array.from(this.biases, (bias, label) => {
      let sum = 0;
      for (const term of terms) sum += this.values[label * BUCKETS + term];
      return bias + sum * scale;
    });
  }

  sparse(): number[][] {
    return Array.from(this.biases, (_, label) => {
      const pairs: number[] = [];
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const value = this.values[label * BUCKETS + bucket];
        if (Math.abs(value) > 1e-4) pairs.push(bucket, significant(value, 5));
      }
      return pairs;
    });
  }
}

/** AdaGrad on the log loss (Duchi et al. 2011). */
class Learner extends Weights {
  private readonly squares = new Float32Array(this.values.length);

  learn(terms: Int32Array, truth: number, rate: number): number {
    const chances = softmax(this.logits(terms));
    const scale = 1 / Math.sqrt(terms.length || 1);
    chances.forEach((chance, label) => {
      const slope = chance - (label === truth ? 1 : 0);
      this.biases[label] -= 0.02 * slope;
      for (const term of terms) {
        const at = label * BUCKETS + term;
        const gradient = slope * scale + PENALTY * this.values[at];
        this.squares[at] += gradient * gradient;
        this.values[at] -= (rate * gradient) / (Math.sqrt(this.squares[at]) + 0.1);
      }
    });
    return -Math.log(Math.max(chances[truth], 1e-12));
  }
}

function checkRows(rows: readonly LabelledText[]): SentimentLabel[] {
  if (rows.length < MIN_ROWS) throw new NotEnoughDataError(MIN_ROWS, rows.length, 'labelled rows');
  if (rows.length > MAX_ROWS) throw new InvalidInputError(`at most ${MAX_ROWS} labelled rows are taken`);
  const labels = SENTIMENT_LABELS.filter((label) => rows.some((row) => row.label === label));
  if (labels.length < 2) throw new InvalidInputError('rows of at least two labels are needed');
  for (const label of labels) {
    const count = rows.filter((row) => row.label === label).length;
    if (count < MIN_ROWS_PER_LABEL)
      throw new NotEnoughDataError(MIN_ROWS_PER_LABEL, count, `rows labelled ${label}`);
  }
  const unknown = rows.find((row) => !SENTIMENT_LABELS.includes(row.label));
  if (unknown) throw new InvalidInputError(`unknown label: ${unknown.label}`);
  return labels;
}

interface Sample {
  terms: Int32Array;
  truth: number;
}

function fitWeights(
  samples: Sample[],
  labels: number,
  options: LogisticOptions,
  progress: Progress,
): Learner {
  const { epochs = 12, learningRate = 0.3, seed = 1 } = options;
  const weights = new Learner(labels);
  const random = new Random(seed);
  const order = Int32Array.from(samples, (_, i) => i);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    random.shuffle(order);
    let loss = 0;
    order.forEach((index, step) => {
      if ((step & 127) === 0) progress.checkStop();
      loss += weights.learn(samples[index].terms, samples[index].truth, learningRate);
    });
    progress.report('sentiment', epoch, epochs, loss / samples.length);
  }
  return weights;
}

/**
 * Trains logistic regression on hashed words and word pairs, with a temperature that makes its probabilities honest.
 * Quality is measured on a fifth of the rows that training never saw; the model that is returned is the one measured.
 *
 * @throws NotEnoughDataError, InvalidInputError, TrainingStoppedError
 */
export function trainLogistic(
  rows: readonly LabelledText[],
  options: LogisticOptions = {},
): LogisticSentimentModel {
  const labels = checkRows(rows);
  const progress = new Progress(options);
  const samples = rows.map(({ text, label }) => ({ terms: termsOf(text), truth: labels.indexOf(label) }));
  const order = Int32Array.from(samples, (_, i) => i);
  new Random((options.seed ?? 1) ^ 0x5eed).shuffle(order);
  const pick = (from: number, to: number) =>
    Array.from(order.subarray(Math.round(from), Math.round(to)), (i) => samples[i]);
  const held = pick(0, rows.length / 5);
  const tuning = pick(rows.length / 5, rows.length * 0.3);
  const training = pick(rows.length * 0.3, rows.length);
  const sketch = fitWeights(training, labels.length, options, progress.part(0, 0.45, 'calibration'));
  const temperature = fitTemperature(
    tuning.map((sample) => ({ logits: sketch.logits(sample.terms), truth: sample.truth })),
  );
  const weights = fitWeights(
    [...training, ...tuning],
    labels.length,
    options,
    progress.part(0.45, 1, 'final'),
  );
  const card = measureClassifier(
    held.map((sample) => ({ logits: weights.logits(sample.terms), truth: sample.truth })),
    temperature,
    labels.length,
    training.length + tuning.length,
  );
  return {
    kind: 'hashed-logistic-regression',
    version: 1,
    labels,
    buckets: BUCKETS,
    weights: weights.sparse(),
    biases: Array.from(weights.biases, (bias) => significant(bias, 6)),
    temperature,
    card,
  };
}

/** Asks a trained classifier. Labels it was not trained on score 0. */
export class LogisticSentiment implements SentimentModel {
  private readonly weights: Weights;

  constructor(private readonly model: LogisticSentimentModel) {
    if (model.buckets !== BUCKETS)
      throw new InvalidInputError(`a model with ${model.buckets} hash buckets cannot be read`);
    this.weights = new Weights(model.labels.length);
    this.weights.biases.set(model.biases);
    model.weights.forEach((pairs, label) => {
      for (let i = 0; i < pairs.length; i += 2)
        this.weights.values[label * BUCKETS + pairs[i]] = pairs[i + 1];
    });
  }

  /** @throws InvalidInputError when the text is too long */
  predict(text: string): SentimentPrediction {
    return this.decide(this.weights.logits(termsOf(text)));
  }

  /** @param logits one for each of the model's labels, as `predict` has them before they become probabilities */
  decide(logits: readonly number[]): SentimentPrediction {
    const chances = softmax(logits, this.model.temperature);
    const scores = { positive: 0, negative: 0, neutral: 0 };
    this.model.labels.forEach((label, i) => {
      scores[label] = chances[i];
    });
    return decide(scores);
  }
}
