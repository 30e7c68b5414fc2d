import model from 'wink-eng-lite-web-model';
import winkNLP, { type WinkMethods } from 'wink-nlp';
import { decide, type SentimentModel, type SentimentPrediction } from './sentiment.js';
import { checkedText } from './text.js';

/**
 * What is known of the lexicon model. The accuracies were measured on public labelled sentences, two classes, texts
 * that it calls neutral counted by the sign of their score.
 */
export const LEXICON_CARD = {
  name: 'sentiment-analysis',
  kind: 'lexicon',
  source: 'winkNLP 2.4 with wink-eng-lite-web-model 1.8 (AFINN words, emoji, negation)',
  languages: ['en'],
  calibrated: false,
  accuracy: { 'SST-2 test': 0.69, 'Amazon reviews': 0.83, 'Yelp reviews': 0.77, 'IMDb reviews': 0.79 },
  limits:
    'English only; sums up words, so irony, comparison and domain words escape it. Confidence grows with the score but is not a measured probability.',
} as const;

/** Slope from the lexicon score (−1 to 1) to the logit of a polar label, and the logit of neutral: |score| < 0.17. */
const SLOPE = 3;
const NEUTRAL_LOGIT = 0.5;

/**
 * English sentiment by lexicon with negation and emoji, ready without training. Loading takes about 0.1 s, a short
 * text tens of microseconds.
 */
export class LexiconSentiment implements SentimentModel {
  private readonly nlp: WinkMethods = winkNLP(model, ['sbd', 'negation', 'sentiment']);

  /** @throws InvalidInputError when the text is too long */
  predict(text: string): SentimentPrediction {
    const score = this.score(text);
    const positive = Math.exp(SLOPE * score);
    const negative = Math.exp(-SLOPE * score);
    const neutral = Math.exp(NEUTRAL_LOGIT);
    const total = positive + negative + neutral;
    return decide({ positive: positive / total, negative: negative / total, neutral: neutral / total });
  }

  /** Mean of the sentences' scores, −1 to 1; 0 without words of the lexicon. */
  score(text: string): number {
    const { its } = this.nlp;
    return Number(this.nlp.readDoc(checkedText(text)).out(its.sentiment));
  }
}
