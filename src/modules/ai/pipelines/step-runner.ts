import { Injectable } from '@nestjs/common';
import { invalidField } from '../../../common/errors.js';
import { detectLanguage, InvalidInputError, normalise } from '../core/index.js';
import type { ModelOutput, PredictionInput, StructuredInput } from '../models/runtime.js';
import { Predictor } from '../predictions/predictor.js';
import { type Step, type StepName, type StepValue, schemaOf } from './step-schemas.js';

/** What a step said. */
export interface StepOutput extends ModelOutput {
  tokens?: string[];
  language?: string | null;
}

/** What goes from step to step. */
export interface PipelineState {
  input: PredictionInput;
  output: StepOutput | null;
}

interface StepContext {
  tenantId: string;
  signal: AbortSignal;
  param(name: string): StepValue | null;
}
type StepFunction = (state: PipelineState, context: StepContext) => StepOutput | Promise<StepOutput>;

const structured = (input: PredictionInput): StructuredInput =>
  typeof input === 'string' ? { text: input } : input;

/** @throws AppError 422 without a text */
function textOf({ input }: PipelineState): string {
  const { text, prompt } = structured(input);
  const found = text ?? prompt;
  if (!found?.trim()) throw invalidField('input', 'text', 'this step needs a text as input');
  return found;
}

function tokensOf(text: string, language: string, keepSymbols: boolean): string[] {
  return [...new Intl.Segmenter(language, { granularity: 'word' }).segment(text)]
    .filter(({ segment, isWordLike }) => isWordLike || (keepSymbols && segment.trim() !== ''))
    .map(({ segment }) => segment);
}

/** Runs single steps: the words' own here, the models' through the predictor with its limits. */
@Injectable()
export class StepRunner {
  private readonly steps: Record<StepName, StepFunction> = {
    tokenize: (state, { param }) => ({
      tokens: tokensOf(textOf(state), String(param('language')), param('keep_symbols') === true),
    }),
    normalize: (state, { param }) => ({
      text: normalise(textOf(state), {
        lowercase: param('lowercase') === true,
        stripAccents: param('strip_accents') === true,
        stripPunctuation: param('strip_punctuation') === true,
      }),
    }),
    language_detect: (state) => {
      const { language, confidence } = detectLanguage(textOf(state));
      return { language, confidence };
    },
    sentiment_analysis: (state, context) => this.ask(textOf(state), context),
    classify: (state, context) => this.ask(textOf(state), context),
    embed: (state, context) => this.ask({ text: textOf(state), task: 'embed' }, context),
    generate: (state, context) => {
      const before = String(context.param('prompt') ?? '');
      return this.ask({ prompt: before + textOf(state), task: 'generate' }, context);
    },
    forecast: ({ input }, context) => {
      const { series } = structured(input);
      const pool = context.param('pool');
      const horizon = Number(context.param('horizon'));
      return this.ask(
        { horizon, ...(series && { series }), ...(pool !== null && { pool: String(pool) }) },
        context,
      );
    },
    detect_anomalies: ({ input }, context) =>
      this.ask({ series: structured(input).series, accurate: context.param('accurate') === true }, context),
  };

  constructor(private readonly predictor: Predictor) {}

  /** The state after the step. @throws AppError with the reason, for the people who made the pipeline */
  async run(tenantId: string, step: Step, state: PipelineState, signal: AbortSignal): Promise<PipelineState> {
    const schema = schemaOf(step.name);
    const param = (name: string): StepValue | null =>
      step.parameters[name] ?? schema.parameters.find((p) => p.name === name)?.default ?? null;
    const output = await this.guarded(() => this.steps[step.name](state, { tenantId, signal, param }));
    const carriesText = step.name === 'normalize' || step.name === 'generate';
    const input = carriesText ? { ...structured(state.input), text: output.text } : state.input;
    return { input, output };
  }

  private async guarded(work: () => StepOutput | Promise<StepOutput>): Promise<StepOutput> {
    try {
      return await work();
    } catch (e) {
      if (e instanceof InvalidInputError) throw invalidField('input', 'input', e.message);
      throw e;
    }
  }

  private async ask(input: PredictionInput, { tenantId, signal, param }: StepContext): Promise<StepOutput> {
    const resolved = await this.predictor.resolve(tenantId, String(param('model')));
    const threshold = param('confidence_threshold');
    const limit = threshold === null ? undefined : Number(threshold);
    const { output } = await this.predictor.predict(tenantId, resolved, input, limit, signal);
    return output;
  }
}
