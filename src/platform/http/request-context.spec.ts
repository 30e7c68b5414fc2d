import { EventEmitter } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { beginRequest, contextOf, requestContext } from './request-context.js';

function exchange(method: string, config: object = {}) {
  const request = { id: `req_${method}`, ip: '127.0.0.1', method, routeOptions: { config } };
  const raw = new EventEmitter();
  return { request: request as unknown as FastifyRequest, reply: { raw } as unknown as FastifyReply, raw };
}

/** Begins the request and looks for its context, now and after a turn of the event loop. */
function begin({ request, reply }: ReturnType<typeof exchange>): Promise<(string | undefined)[]> {
  return new Promise((ok) =>
    beginRequest(request, reply, () => {
      const now = requestContext()?.requestId;
      setImmediate(() => ok([now, requestContext()?.requestId]));
    }),
  );
}

describe('The context of a request', () => {
  it('follows a write through what it awaits', async () => {
    const post = exchange('POST');
    expect(await begin(post)).toEqual(['req_POST', 'req_POST']);
    post.raw.emit('close');
  });

  it('is handed along in reads, and follows them only when they act', async () => {
    const get = exchange('GET');
    expect(await begin(get)).toEqual([undefined, undefined]);
    expect(contextOf(get.request)).toMatchObject({ requestId: 'req_GET', address: '127.0.0.1' });
    const logout = exchange('GET', { actsOnGet: true });
    expect(await begin(logout)).toEqual(['req_GET', 'req_GET']);
    logout.raw.emit('close');
  });

  it('stays with a write while another one ends', async () => {
    const [first, second] = [exchange('POST'), exchange('PUT')];
    await begin(first);
    const seen = begin(second);
    first.raw.emit('close');
    expect(await seen).toEqual(['req_PUT', 'req_PUT']);
    second.raw.emit('close');
  });

  it('is gone with the last write', async () => {
    const post = exchange('POST');
    const later = new Promise((ok) =>
      beginRequest(post.request, post.reply, () => {
        setImmediate(() => ok(requestContext()));
        post.raw.emit('close');
      }),
    );
    expect(await later).toBeUndefined();
  });
});
