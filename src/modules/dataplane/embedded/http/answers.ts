import { STATUS_CODES } from 'node:http';

/** An answer that the engine gives itself. */
export interface LocalAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

/** A reason not to forward a request. */
export class Refusal {
  /** @param code For programs, upper case. @param message For people. */
  constructor(
    readonly status: number,
    readonly code: string,
    readonly message: string,
    readonly headers: readonly string[] = [],
  ) {}

  toAnswer(): LocalAnswer {
    const body = JSON.stringify({ error: true, code: this.code, message: this.message });
    return { status: this.status, headers: ['Content-Type', 'application/json', ...this.headers], body };
  }
}

/** A whole HTTP/1.1 message that ends the connection, for when there is no parsed request to answer. */
export function rawAnswer(refusal: Refusal): string {
  const { status, headers, body } = refusal.toAnswer();
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}
