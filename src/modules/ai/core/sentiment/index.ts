export { LEXICON_CARD, LexiconSentiment } from './lexicon.js';
export {
  type LabelledText,
  type LogisticOptions,
  LogisticSentiment,
  type LogisticSentimentModel,
  trainLogistic,
} from './logistic.js';
export type { SentimentModel } from './sentiment.js';
export {
  detectLanguage,
  normalise,
} from './text.js';
