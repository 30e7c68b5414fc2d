import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { Tokenizer } from '@huggingface/tokenizers';
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { softmax } from '../../core/sentiment/calibration.js';
import type { ModelFiles } from './model-directory.js';

/** What the thread posts: `ready` or `refused` once, then one of the others for each text. */
export type OnnxMessage =
  | { type: 'ready' }
  | { type: 'refused'; reason: string }
  | { type: 'scores'; scores: Record<string, number> }
  | { type: 'failed'; reason: string };

const MAX_TOKENS = 512;

class Refused extends Error {}

function readJson(file: string, what: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new Refused(`${what} is no JSON`);
  }
}

/** `["negative", "positive"]`, or the `id2label` of a Hugging Face config. */
function readLabels(file: string): string[] {
  const json = readJson(file, 'labels.json or config.json') as
    | unknown[]
    | { id2label?: Record<string, string> };
  const map = Array.isArray(json) ? json : json?.id2label;
  const labels = map ? Object.keys(map).map((_, i) => (map as Record<string, unknown>)[String(i)]) : [];
  if (labels.length < 2 || !labels.every((label) => typeof label === 'string'))
    throw new Refused('labels.json must be a list of two names or more, or config.json have id2label');
  return labels as string[];
}

type Feeds = (text: string) => Record<string, Tensor>;
type Runtime = typeof import('onnxruntime-web');

/** How often each known word is in the text, lower case, words as Unicode TR 29 has them. */
function countingFeeds({ Tensor }: Runtime, input: string, file: string): Feeds {
  const words = readJson(file, 'vocabulary.json');
  if (!Array.isArray(words) || !words.every((w) => typeof w === 'string') || words.length === 0)
    throw new Refused('vocabulary.json must be a list of words');
  const index = new Map(words.map((word, i) => [word, i]));
  const segmenter = new Intl.Segmenter('en', { granularity: 'word' });
  return (text) => {
    const counts = new Float32Array(words.length);
    for (const { segment } of segmenter.segment(text.toLowerCase())) {
      const at = index.get(segment);
      if (at !== undefined) counts[at] += 1;
    }
    return { [input]: new Tensor('float32', counts, [1, words.length]) };
  };
}

/** Token ids and their mask, as encoders of the BERT family take them; a long text loses its end. */
function tokenFeeds(
  { Tensor }: Runtime,
  inputs: readonly string[],
  tokenizer: Tokenizer,
  limit: number,
): Feeds {
  return (text) => {
    // a vocabulary without an unknown token leaves holes
    const ids = (tokenizer.encode(text).ids as (number | undefined)[]).filter((id) => id !== undefined);
    const kept = ids.length > limit ? [...ids.slice(0, limit - 1), ids.at(-1)!] : ids;
    const tensor = (value: (id: number) => number) =>
      new Tensor(
        'int64',
        BigInt64Array.from(kept, (id) => BigInt(value(id))),
        [1, kept.length],
      );
    const known: Record<string, () => Tensor> = {
      input_ids: () => tensor((id) => id),
      attention_mask: () => tensor(() => 1),
      token_type_ids: () => tensor(() => 0),
    };
    return Object.fromEntries(inputs.map((name) => [name, known[name]!()]));
  };
}

async function makeFeeds(ort: Runtime, session: InferenceSession, files: ModelFiles): Promise<Feeds> {
  const { inputNames } = session;
  if (files.vocabulary) {
    if (inputNames.length !== 1) throw new Refused('with vocabulary.json, model.onnx must have one input');
    return countingFeeds(ort, inputNames[0]!, files.vocabulary);
  }
  const unknown = inputNames.filter((n) => !['input_ids', 'attention_mask', 'token_type_ids'].includes(n));
  if (unknown.length) throw new Refused(`model.onnx has the unknown input '${unknown[0]}'`);
  const { Tokenizer } = await import('@huggingface/tokenizers');
  const json = readJson(files.tokenizer!, 'tokenizer.json') as object;
  const config = (files.tokenizerConfig ? readJson(files.tokenizerConfig, 'tokenizer_config.json') : {}) as {
    model_max_length?: number;
  };
  const limit = Math.min(MAX_TOKENS, Math.max(2, config.model_max_length ?? MAX_TOKENS));
  try {
    return tokenFeeds(ort, inputNames, new Tokenizer(json, config), limit);
  } catch (e) {
    throw new Refused(`tokenizer.json: ${(e as Error).message}`);
  }
}

/** Probabilities stay as they are, anything else goes through a softmax. */
function probabilities(values: readonly number[]): number[] {
  const sum = values.reduce((a, b) => a + b, 0);
  if (values.every((v) => v >= 0) && Math.abs(sum - 1) < 1e-3) return [...values];
  return softmax(values);
}

type Classify = (text: string) => Promise<Record<string, number>>;

async function load(files: ModelFiles): Promise<Classify> {
  const labels = readLabels(files.labels);
  const ort = await import('onnxruntime-web').catch(() => {
    throw new Refused('the optional package onnxruntime-web is not installed');
  });
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'fatal';
  const session = await ort.InferenceSession.create(readFileSync(files.weights)).catch((e: Error) => {
    throw new Refused(`model.onnx cannot be loaded: ${e.message.split('ERROR_MESSAGE: ').at(-1)}`);
  });
  const feeds = await makeFeeds(ort, session, files);
  return async (text) => {
    const outputs = await session.run(feeds(text));
    const { data } = outputs[session.outputNames[0]!]!;
    const values = Array.from(data as Float32Array, Number);
    if (values.length !== labels.length)
      throw new Refused(`model.onnx answers ${values.length} classes, there are ${labels.length} labels`);
    return Object.fromEntries(probabilities(values).map((p, i) => [labels[i]!, p]));
  };
}

async function main(post: (message: OnnxMessage) => void, onText: (handle: (text: string) => void) => void) {
  let classify: Classify;
  try {
    classify = await load(workerData as ModelFiles);
    await classify('a first text shows whether all fits');
  } catch (e) {
    post({ type: 'refused', reason: reasonOf(e as Error) });
    return;
  }
  onText(async (text) => {
    try {
      post({ type: 'scores', scores: await classify(text) });
    } catch (e) {
      post({ type: 'failed', reason: reasonOf(e as Error) });
    }
  });
  post({ type: 'ready' });
}

/** The runtime's messages are about shapes and types, never about paths. */
const reasonOf = (error: Error): string => error.message.slice(0, 300);

if (parentPort) {
  const port = parentPort;
  void main(
    (message) => port.postMessage(message),
    (handle) => port.on('message', handle),
  );
}
