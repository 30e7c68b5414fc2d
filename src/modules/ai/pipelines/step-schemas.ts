import type { FieldError } from '../../../common/errors.js';

export type StepValue = string | number | boolean;
type StepParameters = Record<string, StepValue>;
/** One step of a pipeline. */
export interface Step {
  name: StepName;
  parameters: StepParameters;
}

/** A parameter of a step. */
interface ParameterSchema {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean';
  required: boolean;
  /** Null: none. */
  default: StepValue | null;
  minimum?: number;
  maximum?: number;
  description: string;
}

/** A kind of step. */
export interface StepSchema {
  name: StepName;
  category: 'nlp' | 'time_series';
  /** What it works on. */
  takes: 'text' | 'series';
  description: string;
  parameters: ParameterSchema[];
}

export const STEP_NAMES = [
  'tokenize',
  'normalize',
  'language_detect',
  'sentiment_analysis',
  'classify',
  'embed',
  'generate',
  'forecast',
  'detect_anomalies',
] as const;
export type StepName = (typeof STEP_NAMES)[number];

const MAX_LENGTH = 2000;
const optional = (
  name: string,
  type: ParameterSchema['type'],
  value: StepValue | null,
  description: string,
): ParameterSchema => ({ name, type, required: false, default: value, description });
const flag = (name: string, value: boolean, description: string) =>
  optional(name, 'boolean', value, description);
const model = (value: string | null): ParameterSchema => ({
  ...optional('model', 'string', value, 'Name of a built-in or deployed model'),
  required: value === null,
});
const threshold: ParameterSchema = {
  ...optional('confidence_threshold', 'number', null, 'Below it the label is `uncertain`'),
  minimum: 0,
  maximum: 1,
};
const text = (name: StepName, description: string, parameters: ParameterSchema[]): StepSchema => ({
  name,
  category: 'nlp',
  takes: 'text',
  description,
  parameters,
});
const series = (name: StepName, description: string, parameters: ParameterSchema[]): StepSchema => ({
  name,
  category: 'time_series',
  takes: 'series',
  description,
  parameters,
});

/** All kinds of steps, in the order in which they are listed. */
export const STEP_SCHEMAS: readonly StepSchema[] = [
  text('tokenize', 'Splits the text into words by the rules of its language (Unicode TR 29)', [
    optional('language', 'string', 'en', 'BCP 47 tag'),
    flag('keep_symbols', false, 'Also punctuation and symbols'),
  ]),
  text('normalize', 'Unicode NFKC, white space to single spaces; later steps get the result', [
    flag('lowercase', true, 'To lower case'),
    flag('strip_accents', false, 'Takes accents off'),
    flag('strip_punctuation', false, 'Punctuation to spaces'),
  ]),
  text('language_detect', 'Says which language the text is in', []),
  text('sentiment_analysis', 'Positive, negative or neutral', [model('sentiment-analysis'), threshold]),
  text('classify', 'Labels the text with a deployed classifier', [model(null), threshold]),
  text('embed', 'The text as a vector', [model(null)]),
  text('generate', 'Answers the text; later steps get the answer', [
    model(null),
    optional('prompt', 'string', '', 'Put before the text'),
  ]),
  series('forecast', 'Continues the series of the input, or the measured traffic', [
    model('load_predictor'),
    { ...optional('horizon', 'integer', 12, 'Steps to forecast'), minimum: 1, maximum: 288 },
    optional('pool', 'string', null, 'Only the traffic of this pool'),
  ]),
  series('detect_anomalies', 'Finds odd points in the series of the input', [
    model('anomaly_detector'),
    flag('accurate', false, 'By the detector that finds more and takes forty times as long'),
  ]),
];

const SCHEMAS = new Map(STEP_SCHEMAS.map((schema) => [schema.name, schema]));
export const schemaOf = (name: StepName): StepSchema => SCHEMAS.get(name)!;

function isLanguage(value: string): boolean {
  try {
    return Intl.getCanonicalLocales(value).length === 1;
  } catch {
    return false;
  }
}

/** What is wrong with a parameter's value; null: nothing. */
function fault(schema: ParameterSchema, value: unknown): string | null {
  const { type, minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  if (type === 'string' || type === 'boolean') {
    if (typeof value !== type) return `must be a ${type}`;
    if (type === 'boolean') return null;
    if ((value as string).length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
    return schema.name === 'language' && !isLanguage(value as string) ? 'must be a BCP 47 tag' : null;
  }
  const fits = typeof value === 'number' && Number.isFinite(value) && value >= minimum && value <= maximum;
  if (fits && (type === 'number' || Number.isInteger(value))) return null;
  return `must be ${type === 'integer' ? 'a whole' : 'a'} number from ${minimum} to ${maximum}`;
}

/** What is wrong with the parameters of the step at `index`. */
function faultsOf({ name, parameters }: Step, index: number): FieldError[] {
  const at = `steps.${index}.parameters`;
  const { parameters: known } = schemaOf(name);
  const unknown = Object.keys(parameters)
    .filter((key) => !known.some((p) => p.name === key))
    .map((key) => ({
      field: `${at}.${key}`,
      constraint: 'unknown',
      message: `'${name}' has no parameter '${key}'`,
    }));
  const wrong = known.flatMap((schema) => {
    const field = `${at}.${schema.name}`;
    const value = parameters[schema.name];
    if (value === undefined)
      return schema.required ? [{ field, constraint: 'required', message: `${field} is required` }] : [];
    const what = fault(schema, value);
    return what ? [{ field, constraint: 'parameter', message: `${field} ${what}` }] : [];
  });
  return [...unknown, ...wrong];
}

/** What is wrong with the steps' parameters, by their schemas; models are looked for at the run. */
export const stepFaults = (steps: readonly Step[]): FieldError[] => steps.flatMap(faultsOf);

const TYPES: [RegExp, string][] = [
  [/text|nlp|language|sentiment|chat/i, 'nlp'],
  [/vision|image|video/i, 'vision'],
  [/forecast|series|load|anomal/i, 'time_series'],
];

/** From the type's words; else from the steps, `mixed` when they are of several categories. */
export function categoryOf(type: string, steps: readonly Step[]): string {
  const named = TYPES.find(([words]) => words.test(type));
  if (named) return named[1];
  const [first, ...others] = new Set(steps.map(({ name }) => schemaOf(name).category));
  return others.length ? 'mixed' : first!;
}
