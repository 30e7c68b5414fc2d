/** Labels in the order that models list them. */
export const SENTIMENT_LABELS = ['positive', 'negative', 'neutral'] as const;
export type SentimentLabel = (typeof SENTIMENT_LABELS)[number];

/** What a sentiment model says of a text. */
export interface SentimentPrediction {
  label: SentimentLabel;
  /** The label's own score, 0 to 1. Whether it is a measured probability is on the model's card. */
  confidence: number;
  /** One figure a label; they add up to 1. */
  scores: Record<SentimentLabel, number>;
}

/** A model that can be asked. */
export interface SentimentModel {
  predict(text: string): SentimentPrediction;
}

/** The label with the highest score. */
export function decide(scores: Record<SentimentLabel, number>): SentimentPrediction {
  const label = SENTIMENT_LABELS.reduce(
    (best, next) => (scores[next] > scores[best] ? next : best),
    'neutral',
  );
  return { label, confidence: scores[label], scores };
}
