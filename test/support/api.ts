export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  /** As sent. */
  text: string;
  /** Parsed; null when it is no JSON. */
  body: T;
}

/** Sends requests as one caller and keeps the bytes of the answers; a body that is no string or Buffer goes as JSON. */
export const caller =
  (base: string, token?: string) =>
  async <T = never>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(base + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : raw ? (body as string) : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson(response) && text ? JSON.parse(text) : null) as T,
    } satisfies Answer<T>;
  };

export type Caller = ReturnType<typeof caller>;

const isJson = (response: Response) => (response.headers.get('content-type') ?? '').includes('json');
