import { InvalidInputError, NotEnoughDataError, TrainingStoppedError } from '../errors.js';
import { Random } from '../numeric/random.js';
import { LexiconSentiment } from './lexicon.js';
import { type LabelledText, LogisticSentiment, trainLogistic } from './logistic.js';
import { detectLanguage, normalise, tokenise } from './text.js';

describe('LexiconSentiment', () => {
  const model = new LexiconSentiment();

  it.each([
    ['This is a great product!', 'positive'],
    ['I love it', 'positive'],
    ['What a wonderful day', 'positive'],
    ['This is terrible!', 'negative'],
    ['What an awful day', 'negative'],
    ['I do not like it', 'negative'],
    ['The train leaves at 5', 'neutral'],
    ['', 'neutral'],
  ])('calls "%s" %s', (text, label) => {
    expect(model.predict(text).label).toBe(label);
  });

  it('gives scores that add up to 1 with the label on top', () => {
    const { label, confidence, scores } = model.predict('This is a great product!');
    expect(scores.positive + scores.negative + scores.neutral).toBeCloseTo(1);
    expect(confidence).toBe(scores[label]);
    expect(confidence).toBe(Math.max(...Object.values(scores)));
  });

  it('refuses a text that would block the event loop', () => {
    expect(() => model.predict('good '.repeat(10_000))).toThrow(InvalidInputError);
  });
});

const GOOD = ['zippy', 'grand', 'lush', 'swell'];
const BAD = ['murky', 'gritty', 'stale', 'dreary'];
const FILLER = ['the', 'room', 'service', 'was', 'food', 'and', 'staff', 'really'];

/** Made-up reviews; every tenth has the wrong label, so that no honest model is always sure. */
function reviews(count: number): LabelledText[] {
  const random = new Random(3);
  const pick = (words: string[]) => words[random.integer(words.length)];
  return Array.from({ length: count }, (_, i) => {
    const good = random.next() < 0.5;
    const words = [pick(FILLER), pick(FILLER), pick(good ? GOOD : BAD), pick(FILLER)];
    return { text: words.join(' '), label: good !== (i % 10 === 0) ? 'positive' : 'negative' };
  });
}

describe('trained logistic regression', () => {
  const model = trainLogistic(reviews(1000));

  it('learns words that no lexicon has, and reports a held-out fifth beside its baseline', () => {
    const classifier = new LogisticSentiment(JSON.parse(JSON.stringify(model)));
    expect(classifier.predict('the room was swell').label).toBe('positive');
    expect(classifier.predict('dreary staff').label).toBe('negative');
    expect(model.card.samples).toBe(200);
    expect(model.card.accuracy).toBeGreaterThan(0.83);
    expect(model.card.baseline_accuracy).toBeLessThan(0.6);
  });

  it('is calibrated: it is about nine tenths sure when one label in ten is wrong', () => {
    const { confidence } = new LogisticSentiment(model).predict('the food was stale');
    expect(confidence).toBeGreaterThan(0.8);
    expect(confidence).toBeLessThan(0.97);
    expect(model.card.calibration_error).toBeLessThan(0.1);
  });

  it('understands word pairs: "not bad" is not "bad"', () => {
    const rows = Array.from({ length: 200 }, (_, i): LabelledText => {
      const texts: LabelledText[] = [
        { text: 'this is bad', label: 'negative' },
        { text: 'this is not bad', label: 'positive' },
        { text: 'this is good', label: 'positive' },
        { text: 'this is not good', label: 'negative' },
      ];
      return texts[i % 4];
    });
    const classifier = new LogisticSentiment(trainLogistic(rows));
    expect(classifier.predict('this is not bad').label).toBe('positive');
    expect(classifier.predict('this is not good').label).toBe('negative');
  });

  it('needs enough rows of at least two labels', () => {
    expect(() => trainLogistic(reviews(10))).toThrow(new NotEnoughDataError(40, 10, 'labelled rows'));
    expect(() => trainLogistic(reviews(100).map((row) => ({ ...row, label: 'positive' })))).toThrow(
      InvalidInputError,
    );
    expect(() => trainLogistic([{ text: 'x', label: 'odd' as never }, ...reviews(99)])).toThrow(
      InvalidInputError,
    );
  });

  it('is the same for the same seed, and stops when told', () => {
    expect(trainLogistic(reviews(60), { seed: 2 })).toEqual(trainLogistic(reviews(60), { seed: 2 }));
    expect(() => trainLogistic(reviews(60), { shouldStop: () => true })).toThrow(TrainingStoppedError);
  });
});

describe('text tools', () => {
  it('splits words, numbers and symbols', () => {
    expect(tokenise("It's 3.5 times well-made 🙂!")).toEqual([
      { text: "It's", type: 'word' },
      { text: '3.5', type: 'number' },
      { text: 'times', type: 'word' },
      { text: 'well-made', type: 'word' },
      { text: '🙂', type: 'symbol' },
      { text: '!', type: 'symbol' },
    ]);
  });

  it('normalises compatibility forms, space, control characters and, when asked, accents and punctuation', () => {
    expect(normalise('  Ｈéllo\u0000\t World ')).toBe('héllo world');
    expect(
      normalise('Café, déjà-vu!', { stripAccents: true, stripPunctuation: true, lowercase: false }),
    ).toBe('Cafe deja vu');
  });

  it.each([
    ['This is a great product!', 'en'],
    ['Das ist ein wunderbarer Tag', 'de'],
    ['No me gusta nada este servicio', 'es'],
    ['Это ужасный день', 'ru'],
    ['12345 !!!', null],
  ])('detects the language of "%s"', (text, language) => {
    expect(detectLanguage(text).language).toBe(language);
  });
});
