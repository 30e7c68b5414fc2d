import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The few messages of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto that a small classifier needs. */
const FLOAT = 1;
const INT64 = 7;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  return Buffer.from([...bytes, Number(left)]);
}
const number = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)]);
function block(field: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

function tensor(name: string, dims: number[], data: number[]): Buffer {
  const values = Buffer.from(Float32Array.from(data).buffer);
  return Buffer.concat([
    ...dims.map((d) => number(1, d)),
    number(2, FLOAT),
    block(8, name),
    block(9, values),
  ]);
}

function node(op: string, inputs: string[], output: string, ...attributes: Buffer[]): Buffer {
  const parts = [...inputs.map((name) => block(1, name)), block(2, output), block(4, op)];
  return block(1, Buffer.concat([...parts, ...attributes.map((a) => block(5, a))]));
}
const intAttribute = (name: string, value: number) =>
  Buffer.concat([block(1, name), number(3, value), number(20, 2)]);
const intsAttribute = (name: string, values: number[]) =>
  Buffer.concat([block(1, name), ...values.map((v) => number(8, v)), number(20, 7)]);

function value(name: string, type: number, dims: (number | string)[]): Buffer {
  const shape = dims.map((d) => block(1, typeof d === 'number' ? number(1, d) : block(2, d)));
  const tensorType = Buffer.concat([number(1, type), block(2, Buffer.concat(shape))]);
  return Buffer.concat([block(1, name), block(2, block(1, tensorType))]);
}

/** A model of IR version 8, operator set 13. */
function model(nodes: Buffer[], weights: Buffer[], input: Buffer, output: Buffer): Buffer {
  const graph = Buffer.concat([
    ...nodes,
    block(2, 'classifier'),
    ...weights.map((w) => block(5, w)),
    block(11, input),
    block(12, output),
  ]);
  return Buffer.concat([
    number(1, 8),
    block(7, graph),
    block(8, Buffer.concat([block(1, ''), number(2, 13)])),
  ]);
}

/** Weights of a word by class. */
export type WordWeights = Record<string, [negative: number, positive: number]>;

function write(directory: string, files: Record<string, Buffer | object>): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files))
    writeFileSync(path.join(directory, name), Buffer.isBuffer(content) ? content : JSON.stringify(content));
}

/** Counts of words × weights, then softmax: `model.onnx`, `labels.json`, `vocabulary.json`. */
export function writeCountingModel(directory: string, words: WordWeights): void {
  const vocabulary = Object.keys(words);
  const weights = tensor('weights', [vocabulary.length, 2], Object.values(words).flat());
  const nodes = [
    node('Gemm', ['counts', 'weights', 'bias'], 'logits'),
    node('Softmax', ['logits'], 'probabilities', intAttribute('axis', -1)),
  ];
  const bytes = model(
    nodes,
    [weights, tensor('bias', [2], [0, 0])],
    value('counts', FLOAT, ['batch', vocabulary.length]),
    value('probabilities', FLOAT, ['batch', 2]),
  );
  write(directory, {
    'model.onnx': bytes,
    'labels.json': ['negative', 'positive'],
    'vocabulary.json': vocabulary,
  });
}

/** The mean of the tokens' weights as logits, behind a Hugging Face WordPiece tokenizer with `config.json`. */
export function writeTokenModel(directory: string, words: WordWeights): void {
  const vocabulary = ['[UNK]', ...Object.keys(words)];
  const weights = tensor('weights', [vocabulary.length, 2], [0, 0, ...Object.values(words).flat()]);
  const nodes = [
    node('Gather', ['weights', 'input_ids'], 'tokens'),
    node('ReduceMean', ['tokens'], 'logits', intsAttribute('axes', [1]), intAttribute('keepdims', 0)),
  ];
  const bytes = model(
    nodes,
    [weights],
    value('input_ids', INT64, ['batch', 'length']),
    value('logits', FLOAT, ['batch', 2]),
  );
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      vocab: Object.fromEntries(vocabulary.map((w, i) => [w, i])),
      unk_token: '[UNK]',
    },
  };
  const config = { id2label: { 0: 'negative', 1: 'positive' } };
  write(directory, { 'model.onnx': bytes, 'config.json': config, 'tokenizer.json': tokenizer });
}
