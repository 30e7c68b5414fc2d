/** How good a classifier is on rows that it never saw. */
export interface ClassifierCard {
  /** Share of right labels. */
  accuracy: number;
  /** Share of the most frequent label: what always answering it would reach. */
  baseline_accuracy: number;
  /** Expected calibration error over ten bins of confidence (Naeini et al. 2015). */
  calibration_error: number;
  /** Rows it was measured on. */
  samples: number;
  /** Rows it was trained on. */
  trained_on: number;
}

/** Unscaled outputs for one row and the index of its true label. */
export interface Scored {
  logits: number[];
  truth: number;
}

/** Probabilities from logits. */
export function softmax(logits: readonly number[], temperature = 1): number[] {
  const top = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp((logit - top) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function logLoss(rows: readonly Scored[], temperature: number): number {
  return rows.reduce(
    (sum, { logits, truth }) => sum - Math.log(Math.max(softmax(logits, temperature)[truth], 1e-12)),
    0,
  );
}

/** The temperature between 0.1 and 10 with the lowest log loss, by golden section on its logarithm. */
export function fitTemperature(rows: readonly Scored[]): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(0.1);
  let high = Math.log(10);
  for (let step = 0; step < 40; step++) {
    const left = high - golden * (high - low);
    const right = low + golden * (high - low);
    if (logLoss(rows, Math.exp(left)) < logLoss(rows, Math.exp(right))) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

/** Accuracy, its baseline and the calibration error of a classifier on held-out rows. */
export function measureClassifier(
  held: readonly Scored[],
  temperature: number,
  labels: number,
  trainedOn: number,
): ClassifierCard {
  const counts = new Array<number>(labels).fill(0);
  const bins = Array.from({ length: 10 }, () => ({ confidence: 0, right: 0 }));
  let right = 0;
  for (const { logits, truth } of held) {
    const chances = softmax(logits, temperature);
    const confidence = Math.max(...chances);
    const hit = chances.indexOf(confidence) === truth ? 1 : 0;
    const bin = bins[Math.min(9, Math.floor(confidence * 10))];
    bin.confidence += confidence;
    bin.right += hit;
    right += hit;
    counts[truth]++;
  }
  const gap = bins.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.right), 0);
  return {
    accuracy: right / held.length,
    baseline_accuracy: Math.max(...counts) / held.length,
    calibration_error: gap / held.length,
    samples: held.length,
    trained_on: trainedOn,
  };
}
