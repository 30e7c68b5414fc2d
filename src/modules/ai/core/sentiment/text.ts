import { detectAll } from 'tinyld';
import { InvalidInputError } from '../errors.js';

/** Longer texts are refused: the models run on the event loop and their cost grows with the length. */
const MAX_TEXT_LENGTH = 20_000;

/** @throws InvalidInputError when the text is too long */
export function checkedText(text: string): string {
  if (text.length > MAX_TEXT_LENGTH)
    throw new InvalidInputError(
      `a text has at most ${MAX_TEXT_LENGTH} characters, this one has ${text.length}`,
    );
  return text;
}

export interface NormaliseOptions {
  /** Default true. */
  lowercase?: boolean;
  /** Takes accents off (`é` → `e`); default false. */
  stripAccents?: boolean;
  /** Replaces punctuation by spaces; default false. */
  stripPunctuation?: boolean;
}

/** Unicode NFKC, control characters and runs of white space to one space, trimmed; the rest by option. */
export function normalise(text: string, options: NormaliseOptions = {}): string {
  const { lowercase = true, stripAccents = false, stripPunctuation = false } = options;
  let result = checkedText(text).normalize('NFKC');
  if (stripAccents)
    result = result
      .normalize('NFD')
      .replace(/\p{M}+/gu, '')
      .normalize('NFC');
  if (stripPunctuation) result = result.replace(/[^\p{L}\p{M}\p{N}\s']+/gu, ' ');
  result = result.replace(/[\p{Cc}\p{Z}\s]+/gu, ' ').trim();
  return lowercase ? result.toLowerCase() : result;
}

/** A word, a number or a symbol in a text. */
export interface Token {
  text: string;
  type: 'word' | 'number' | 'symbol';
}

const TOKEN =
  /(\p{N}+(?:[.,]\p{N}+)*)|([\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*)|([\p{Extended_Pictographic}\p{S}\p{P}])/gu;

/** Splits a text into words (with inner apostrophes and hyphens), numbers and single symbols. */
export function tokenise(text: string): Token[] {
  return Array.from(checkedText(text).matchAll(TOKEN), ([matched, number, word]) => ({
    text: matched,
    type: number ? 'number' : word ? 'word' : 'symbol',
  }));
}

/** What language a text is in. */
export interface DetectedLanguage {
  /** ISO 639-1 code; null when the text does not show it. */
  language: string | null;
  /** The detector's own certainty, 0 to 1; not a measured probability. */
  confidence: number;
  /** The next best guesses. */
  alternatives: { language: string; confidence: number }[];
}

/** Detects the language by n-grams and words unique to a language (tinyld, 64 languages). */
export function detectLanguage(text: string): DetectedLanguage {
  const [best, ...others] = detectAll(checkedText(text)).map(({ lang, accuracy }) => ({
    language: lang,
    confidence: accuracy,
  }));
  if (!best) return { language: null, confidence: 0, alternatives: [] };
  return { ...best, alternatives: others.slice(0, 3) };
}
