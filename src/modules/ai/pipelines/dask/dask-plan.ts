import type { PredictionInput } from '../../models/runtime.js';
import { type Step, schemaOf } from '../step-schemas.js';

/** Tags whose word boundaries the bridge knows (ops/dask/steps.py). */
const LANGUAGES = ['en', 'de', 'fr', 'es', 'it', 'pt', 'nl', 'ru', 'uk'];
const SENTIMENT = 'sentiment-analysis';

const parameter = ({ name, parameters }: Step, key: string) =>
  parameters[key] ?? schemaOf(name).parameters.find((p) => p.name === key)?.default ?? null;

/** Why a pipeline cannot go to Dask, with the index of the step; null: it can. */
export function undistributable(steps: readonly Step[]): { index: number; reason: string } | null {
  for (const [index, step] of steps.entries()) {
    const reason = reasonAgainst(step);
    if (reason) return { index, reason };
  }
  return null;
}

function reasonAgainst(step: Step): string | null {
  if (step.name === 'normalize') return null;
  if (step.name === 'tokenize')
    return LANGUAGES.includes(String(parameter(step, 'language')))
      ? null
      : `tokenize goes to Dask for ${LANGUAGES.join(', ')} only`;
  if (step.name === 'sentiment_analysis')
    return parameter(step, 'model') === SENTIMENT
      ? null
      : `sentiment_analysis goes to Dask with the model '${SENTIMENT}' only`;
  return `'${step.name}' does not go to Dask`;
}

/** The text of an input, null when it has none. */
export const textOf = (input: PredictionInput): string | null =>
  typeof input === 'string' ? input : (input.text ?? input.prompt ?? null);

/** The threshold of the last step, when it is the classifier. */
export const thresholdOf = (steps: readonly Step[]): number | null => {
  const value = parameter(steps.at(-1)!, 'confidence_threshold');
  return value === null ? null : Number(value);
};
