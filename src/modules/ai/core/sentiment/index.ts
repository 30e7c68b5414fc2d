export type { ClassifierCard } from './calibration.js';
export { LEXICON_CARD, LexiconSentiment } from './lexicon.js';
export {
  type LabelledText,
  type LogisticOptions,
  LogisticSentiment,
  type LogisticSentimentModel,
  MIN_ROWS,
  MIN_ROWS_PER_LABEL,
  trainLogistic,
} from './logistic.js';
export {
  SENTIMENT_LABELS,
  type SentimentLabel,
  type SentimentModel,
  type SentimentPrediction,
} from './sentiment.js';
export {
  type DetectedLanguage,
  detectLanguage,
  MAX_TEXT_LENGTH,
  type NormaliseOptions,
  normalise,
  type Token,
  tokenise,
} from './text.js';
