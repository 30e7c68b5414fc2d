import { type Stats, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { isId } from '../../../../common/ids.js';

const MAX_BYTES = 2 * 1024 ** 3;

/** The files of a text classifier, all of them really below the models' folder. */
export interface ModelFiles {
  weights: string;
  /** Names of the classes. */
  labels: string;
  /** Exactly one of the two: words to count, or a Hugging Face tokenizer. */
  vocabulary: string | null;
  tokenizer: string | null;
  tokenizerConfig: string | null;
  /** Changes when the weights do. */
  revision: string;
}

/** Thrown with what an operator has to put right; names no path outside the models' folder. */
export class ModelRefused extends Error {}

/**
 * Looks a model's directory up: `model.onnx` (or `onnx/model.onnx`), `labels.json` (or `config.json` with `id2label`),
 * and `vocabulary.json` or `tokenizer.json`.
 * A directory that is named as a tenant is that tenant's alone, and its models go before those for all.
 * @param root the models' folder; links that lead out of it are refused
 * @throws ModelRefused
 */
export async function findModel(root: string, name: string, tenantId?: string): Promise<ModelFiles> {
  const own = tenantId ? await locate(root, [tenantId, name], tenantId) : null;
  const home = own ? path.join(tenantId!, name) : name;
  const within = (...file: string[]) => locate(root, [home, ...file], tenantId, name);
  if (!(await within())) throw new ModelRefused(`there is no directory '${name}' below DATA_DIR/models`);
  const weights = (await within('model.onnx')) ?? (await within('onnx', 'model.onnx'));
  const labels = (await within('labels.json')) ?? (await within('config.json'));
  const vocabulary = await within('vocabulary.json');
  const tokenizer = await within('tokenizer.json');
  if (!weights) throw new ModelRefused(`'${name}' has no model.onnx`);
  if (!labels) throw new ModelRefused(`'${name}' has neither labels.json nor config.json`);
  if ((vocabulary === null) === (tokenizer === null))
    throw new ModelRefused(`'${name}' must have one of vocabulary.json and tokenizer.json`);
  const revision = revisionOf(name, statSync(weights));
  return {
    weights,
    labels,
    vocabulary,
    tokenizer,
    tokenizerConfig: await within('tokenizer_config.json'),
    revision,
  };
}

/** The real path; null where nothing is, or what is there is another tenant's. */
async function locate(
  root: string,
  file: readonly string[],
  tenantId: string | undefined,
  name = file.at(-1)!,
): Promise<string | null> {
  const found = await realpath(path.resolve(root, ...file)).catch(() => null);
  if (found === null) return null;
  const real = await realpath(root);
  if (!found.startsWith(real + path.sep)) throw new ModelRefused(`'${name}' leads out of DATA_DIR/models`);
  const [top] = path.relative(real, found).split(path.sep);
  return isId('tenant', top!) && top !== tenantId ? null : found;
}

function revisionOf(name: string, file: Stats): string {
  if (!file.isFile()) throw new ModelRefused(`model.onnx of '${name}' is no file`);
  if (file.size > MAX_BYTES) throw new ModelRefused(`model.onnx of '${name}' is larger than 2 GiB`);
  return `${file.size}-${file.mtimeMs}`;
}
