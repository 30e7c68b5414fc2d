/** The largest answer that is read, bytes. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Text of the resource at `path` below the service's base URL.
 *
 * @throws Error when the status is not 2xx, the answer is too large, or there is none; redirects are not followed.
 */
export async function fetchText(base: string, path: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(below(base, path), { signal, redirect: 'error' });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${path} answered ${response.status}`);
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`${path} answered more than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** {@link fetchText}, parsed. */
export async function fetchJson(base: string, path: string, signal: AbortSignal): Promise<unknown> {
  return JSON.parse(await fetchText(base, path, signal));
}

/** The URL of a path below a base URL that may itself have a path. */
export function below(base: string, path: string): URL {
  return new URL(path, base.endsWith('/') ? base : `${base}/`);
}
