import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Call {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const LIMIT_MS = 20_000;

/** One request exactly as given: fetch would mend the address, refuse bodies and hide connections that break. */
export function send({ method, url, headers, body }: Call): Promise<Answer> {
  return new Promise((ok, no) => {
    const call = request(url, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', no);
      response.on('end', () =>
        ok({
          status: response.statusCode!,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('latin1'),
        }),
      );
    });
    call.setTimeout(LIMIT_MS, () => call.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
    call.on('error', no);
    call.end(body);
  });
}

/** JSON in and out. @throws when the answer is not 2xx */
export async function ask<T = Record<string, never>>(
  method: string,
  url: string,
  token?: string,
  body?: unknown,
): Promise<T> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await send({
    method,
    url,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(text !== undefined && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
      }),
    },
    body: text,
  });
  if (answer.status >= 300)
    throw new Error(`${method} ${url}: ${answer.status} ${answer.text.slice(0, 300)}`);
  return (answer.text ? JSON.parse(Buffer.from(answer.text, 'latin1').toString()) : undefined) as T;
}
