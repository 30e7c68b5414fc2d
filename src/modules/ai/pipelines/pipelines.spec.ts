import { notFound } from '../../../common/errors.js';
import type { Predictor } from '../predictions/predictor.js';
import { PipelineExecutor } from './pipeline-executor.js';
import { StepRunner } from './step-runner.js';
import { categoryOf, STEP_NAMES, STEP_SCHEMAS, type Step, stepFaults } from './step-schemas.js';

const step = (name: Step['name'], parameters: Step['parameters'] = {}): Step => ({ name, parameters });

/** Knows one model, `echo`, that says what it was asked. */
function executor() {
  const predictor = {
    resolve: async (_: string, name: string) => {
      if (name !== 'echo') throw notFound('Model', name);
      return { model: { name } };
    },
    predict: async (_: string, __: unknown, input: unknown) => ({ output: { text: JSON.stringify(input) } }),
  };
  return new PipelineExecutor(new StepRunner(predictor as unknown as Predictor));
}
const run = (steps: Step[], input: string, signal = new AbortController().signal) =>
  executor().execute('tenant', steps, input, signal);

describe('pipeline steps', () => {
  it('have a schema each', () => {
    expect(STEP_SCHEMAS.map(({ name }) => name)).toEqual([...STEP_NAMES]);
  });

  it('refuse unknown, missing and wrong parameters, and name them', () => {
    const faults = stepFaults([
      step('tokenize', { language: 'no such language', colour: 'red' }),
      step('classify'),
      step('forecast', { horizon: 1.5 }),
      step('normalize', { lowercase: 'yes' }),
      step('sentiment_analysis', { model: 'echo', confidence_threshold: 0.5 }),
    ]);
    expect(faults.map(({ field }) => field)).toEqual([
      'steps.0.parameters.colour',
      'steps.0.parameters.language',
      'steps.1.parameters.model',
      'steps.2.parameters.horizon',
      'steps.3.parameters.lowercase',
    ]);
  });

  it('give the pipeline its category, when its type does not', () => {
    expect(categoryOf('text_processing', [step('forecast')])).toBe('nlp');
    expect(categoryOf('custom', [step('forecast')])).toBe('time_series');
    expect(categoryOf('custom', [step('forecast'), step('embed')])).toBe('mixed');
  });
});

describe('a run', () => {
  it('hands the changed text on and answers what the last step said', async () => {
    const { status, output, steps } = await run(
      [step('normalize', { strip_accents: true }), step('tokenize')],
      ' Ça VA, mes amis? ',
    );
    expect([status, output]).toEqual(['completed', { tokens: ['ca', 'va', 'mes', 'amis'] }]);
    expect(steps.map((s) => s.status)).toEqual(['completed', 'completed']);
  });

  it('asks the model that the step names', async () => {
    const { output } = await run([step('sentiment_analysis', { model: 'echo' })], 'hello');
    expect(output?.text).toBe('"hello"');
  });

  it('ends at the first failure, with the reason; later steps are skipped', async () => {
    const { status, output, error, steps } = await run(
      [step('classify', { model: 'bert' }), step('tokenize')],
      'hello',
    );
    expect([status, output, error]).toEqual(['failed', null, "classify: Model 'bert' not found"]);
    expect(steps.map((s) => s.status)).toEqual(['failed', 'skipped']);
  });

  it('does nothing once it is cancelled', async () => {
    const { status, steps } = await run([step('tokenize')], 'hello', AbortSignal.abort());
    expect([status, steps[0]?.status]).toEqual(['cancelled', 'skipped']);
  });
});
