import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { seeded } from '../../../../../test/support/balancing.js';
import { figure } from '../../../../../test/support/figures.js';
import { HttpFuzz } from '../../../../../test/support/http-fuzz.js';
import { Refusal } from '../http/answers.js';
import { readRequestHead } from '../http/request-head.js';
import { DEFAULT_LIMITS } from '../options.js';
import type { Incoming } from '../proxy/incoming.js';
import type { UpstreamRequest } from '../transport/upstream.js';
import { UpstreamConnection } from '../transport/upstream-connection.js';
import { FastPath } from './fast-path.js';

/**
 * Our parsers against node's on random messages: whatever ours accepts, node's must accept and understand in the same
 * way. `VELOFLUX_LONG=1` goes on for VELOFLUX_FUZZ_SECONDS (3600) each way.
 */
const SECONDS = process.env.VELOFLUX_LONG === '1' ? Number(process.env.VELOFLUX_FUZZ_SECONDS ?? 3_600) : 0;
const SEED = Number(process.env.VELOFLUX_FUZZ_SEED ?? 20_261_122);
const SHORT_RUN = 6_000;

/** A socket without a network. */
class Wire extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  bytesRead = 0;
  bytesWritten = 0;
  written = '';

  constructor() {
    super({ allowHalfOpen: true });
    this.on('error', () => undefined);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString('latin1');
    done();
  }

  destroySoon(): void {
    this.end();
    this.destroy();
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  /** Delivers the pieces one after the other, then the end of the stream. */
  async deliver(pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) {
      if (this.destroyed) return;
      this.push(piece);
      await turn();
    }
    if (!this.destroyed) this.push(null);
    await turn();
    await turn();
  }
}

const turn = (): Promise<void> => new Promise(setImmediate);

interface SeenRequest {
  readonly method: string;
  readonly rawHeaders: readonly string[];
  /** As the engine reads it: host, path, query, length. */
  readonly head: unknown;
  body: string;
  complete: boolean;
}

interface Reading {
  readonly requests: SeenRequest[];
  /** What the fast path gave back. */
  rest: Buffer | null;
  /** Bytes that the fast path says it used. */
  used: number;
}

async function readByUs(pieces: readonly Buffer[]): Promise<Reading> {
  const reading: Reading = { requests: [], rest: null, used: 0 };
  const wire = new Wire();
  const fast = new FastPath({
    limits: DEFAULT_LIMITS,
    scheme: 'http',
    onError: (error) => {
      throw error;
    },
    handOver: (_socket, rest) => {
      reading.rest = rest;
    },
    handle: (incoming) => answer(incoming, reading),
  });
  fast.accept(wire as unknown as Socket);
  await wire.deliver(pieces);
  wire.destroy();
  await turn();
  expect(fast.requestsInFlight).toBe(0);
  return reading;
}

function answer({ request, reply, head, meter, ...incoming }: Incoming, reading: Reading): void {
  const { method, rawHeaders, body } = request;
  const seen: SeenRequest = { method, rawHeaders, head, body: '', complete: body.complete };
  reading.requests.push(seen);
  Object.assign(incoming, { owner: null });
  const done = (): void => {
    seen.complete = true;
    reading.used += meter.take().in;
    reply.local({ status: 200, headers: [], body: '' }, []);
  };
  if (body.complete) {
    done();
    return;
  }
  body.on('data', (chunk) => {
    seen.body += chunk.toString('latin1');
  });
  body.on('end', done);
  body.resume();
}

/** Reads with node:http, as the engine does with what the fast path declines. */
class NodeReader {
  private readonly server: Server;
  private requests: SeenRequest[] = [];
  private messages: IncomingMessage[] = [];

  constructor() {
    this.server = createServer({
      requireHostHeader: false,
      maxHeaderSize: DEFAULT_LIMITS.maxHeaderBytes,
      keepAliveTimeout: 0,
    });
    this.server.maxHeadersCount = 0;
    this.server.on('request', (request, response) => {
      this.note(request);
      request.on('end', () => response.end());
    });
    this.server.on('checkContinue', (request) => this.note(request));
    this.server.on('upgrade', (request, socket) => this.note(request, socket));
    this.server.on('connect', (request, socket) => this.note(request, socket));
    // What was read before the fault gets its turn.
    this.server.on('clientError', (_error, socket) => setImmediate(() => socket.destroy()));
  }

  async read(pieces: readonly Buffer[]): Promise<readonly SeenRequest[]> {
    this.requests = [];
    this.messages = [];
    const wire = new Wire();
    this.server.emit('connection', wire);
    await wire.deliver(pieces);
    for (const [i, { complete }] of this.messages.entries()) this.requests[i].complete = complete;
    wire.destroy();
    await turn();
    return this.requests;
  }

  private note(request: IncomingMessage, special?: Duplex): void {
    const { method, rawHeaders } = request;
    const head = special ? null : readRequestHead(request, DEFAULT_LIMITS.maxHeaderCount);
    const refused = head instanceof Refusal ? head.code : head;
    const seen: SeenRequest = { method: method!, rawHeaders, head: refused, body: '', complete: false };
    this.requests.push(seen);
    this.messages.push(request);
    request.on('data', (chunk: Buffer) => {
      seen.body += chunk.toString('latin1');
    });
    request.on('error', () => undefined);
  }
}

/** Runs until the time or the number of cases is over. @returns the number of cases. */
async function run(check: (fuzz: HttpFuzz) => Promise<void>): Promise<number> {
  const end = Date.now() + SECONDS * 1_000;
  let cases = 0;
  while (SECONDS > 0 ? Date.now() < end : cases < SHORT_RUN) {
    // A seed for each case, so that one that fails can be run again alone.
    await check(new HttpFuzz(seeded(SEED + cases), 'a.test'));
    cases++;
  }
  if (SECONDS > 0) figure(`${cases} inputs in ${SECONDS} s from seed ${SEED}`);
  return cases;
}

describe('the parsers of the fast path against those of node', () => {
  const limit = (SECONDS + 60) * 1_000;

  it(
    'a request that is accepted is one that node accepts and reads the same, and no byte is lost or read twice',
    async () => {
      const node = new NodeReader();
      const counts = { requests: 0, bodies: 0, handedOver: 0 };
      const cases = await run(async (fuzz) => {
        const text = fuzz.requests();
        const pieces = fuzz.pieces(Buffer.from(text, 'latin1'));
        const ours = await readByUs(pieces);
        const theirs = await node.read(pieces);
        const shown = JSON.stringify({
          pieces: pieces.map((piece) => piece.toString('latin1')),
          ours,
          theirs,
        });
        ours.requests.forEach((seen, i) => {
          const { body, complete, ...head } = seen;
          const { body: theirBody, complete: theirComplete, ...theirHead } = theirs[i] ?? {};
          expect({ shown, ...head }).toEqual({ shown, ...theirHead });
          if (complete)
            expect({ shown, body, complete }).toEqual({ shown, body: theirBody, complete: theirComplete });
          counts.requests++;
          if (body !== '') counts.bodies++;
        });
        if (ours.rest) {
          counts.handedOver++;
          const end = ours.used + ours.rest.length;
          expect({ shown, rest: ours.rest.toString('latin1') }).toEqual({
            shown,
            rest: text.slice(ours.used, end),
          });
        }
      });
      // The generator would prove nothing if hardly anything were accepted.
      expect(counts.requests).toBeGreaterThan(cases / 5);
      expect(counts.bodies).toBeGreaterThan(cases / 20);
      expect(counts.handedOver).toBeGreaterThan(cases / 10);
    },
    limit,
  );

  it(
    'an answer that is passed on whole is one that node accepts and reads the same',
    async () => {
      const counts = { whole: 0, failed: 0 };
      const cases = await run(async (fuzz) => {
        const bytes = Buffer.from(fuzz.responses(), 'latin1');
        const method = fuzz.one(['GET', 'GET', 'HEAD']);
        const { answer: ours } = await takeByUs(method, fuzz.pieces(bytes));
        counts[ours ? 'whole' : 'failed']++;
        const shown = JSON.stringify({ method, text: bytes.toString('latin1') });
        const single = await takeByUs(
          method,
          Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)),
        );
        expect({ shown, answer: single.answer }).toEqual({ shown, answer: ours });
        if (!ours) return;
        // Without what came behind the answer, which nobody is given.
        const theirs = await takeByNode(method, bytes.subarray(0, single.pieces));
        expect({ shown, answer: ours }).toEqual({ shown, answer: theirs });
      });
      expect(counts.whole).toBeGreaterThan(cases / 4);
      expect(counts.failed).toBeGreaterThan(cases / 10);
    },
    limit,
  );
});

interface TakenAnswer {
  readonly status: number;
  readonly reason: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** The answer, null when it was not taken whole, and how many pieces it took. */
async function takeByUs(
  method: string,
  pieces: readonly Buffer[],
): Promise<{ answer: TakenAnswer | null; pieces: number }> {
  const wire = new Wire();
  let taken = 0;
  let head: Omit<TakenAnswer, 'body'> | null = null;
  let body = '';
  let whole = false;
  let ends = 0;
  const connection = new UpstreamConnection(wire as unknown as Socket, {
    released: () => undefined,
    closed: () => undefined,
  });
  const request: UpstreamRequest = {
    method,
    target: '/',
    headers: [],
    body: null,
    contentLength: null,
    upgrade: null,
  };
  connection.send(request, {
    onSent: () => undefined,
    onInterim: () => undefined,
    onHead: (status, reason, rawHeaders) => {
      head = { status, reason, rawHeaders };
    },
    onData: (chunk) => {
      body += chunk.toString('latin1');
      return true;
    },
    onFlush: () => undefined,
    onEnd: () => {
      whole = true;
      ends++;
    },
    onUpgrade: () => {
      throw new Error('nobody asked for a switch');
    },
    onFailure: () => {
      ends++;
    },
  });
  for (; taken < pieces.length && ends === 0; taken++) connection.read(pieces[taken]);
  wire.resume().push(null);
  await turn();
  wire.destroy();
  await turn();
  expect(ends).toBe(1);
  return { answer: whole ? { ...head!, body } : null, pieces: taken };
}

function takeByNode(method: string, bytes: Buffer): Promise<TakenAnswer | string> {
  const wire = new Wire();
  return new Promise((resolve) => {
    const outgoing = httpRequest({
      method,
      path: '/',
      host: 'a.test',
      createConnection: () => wire as unknown as Socket,
    });
    outgoing.on('response', (response) => {
      let body = '';
      const { statusCode, statusMessage, rawHeaders } = response;
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString('latin1');
      });
      response.on('end', () => resolve({ status: statusCode!, reason: statusMessage!, rawHeaders, body }));
      response.on('error', () => resolve('cut off'));
    });
    outgoing.on('upgrade', () => resolve('switched'));
    outgoing.on('error', (error) => resolve(error.message));
    outgoing.end();
    void wire
      .deliver([bytes])
      .then(turn)
      .then(() => resolve('not whole'));
  });
}
