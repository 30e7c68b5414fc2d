import { AgentServer } from '../../test/support/agent-server.js';
import { until } from '../../test/support/until.js';
import { EnrollmentRefused, enroll } from './enrollment.js';

const BACKOFF = { initialMs: 10, maxMs: 50 };

describe('enroll', () => {
  let server: AgentServer;
  let ending: AbortController;
  let messages: string[];
  const attempt = (url: string) =>
    enroll(url, 'one-time', 'node-a', BACKOFF, (message) => messages.push(message), ending.signal);

  beforeEach(async () => {
    server = await new AgentServer().start();
    ending = new AbortController();
    messages = [];
  });
  afterEach(() => {
    ending.abort();
    return server.stop();
  });

  it('trades the token for a credential', async () => {
    expect(await attempt(server.url)).toEqual({
      server: server.url,
      worker_id: 'worker_1',
      credential: 'credential-1',
    });
    expect(server.enrollments).toEqual([
      { token: 'one-time', name: 'node-a', hostname: expect.any(String), platform: process.platform },
    ]);
  });

  it('ends when the server refuses the token, with its reason and without the token', async () => {
    server.enrollStatus = 401;
    const error = await attempt(server.url).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EnrollmentRefused);
    expect((error as Error).message).toBe('enrolment refused: the server answered 401: the token was used');
  });

  it.each([429, 503])('asks again after %i', async (status) => {
    server.enrollStatus = status;
    const enrolled = attempt(server.url);
    await until('two attempts', () => server.enrollments.length >= 2);
    server.enrollStatus = 201;
    expect((await enrolled).worker_id).toBe('worker_1');
  });

  it('asks again until the server can be reached, and says why it could not', async () => {
    await server.stop();
    const enrolled = attempt(server.url);
    await until('failed attempts', () => messages.length >= 2);
    expect(messages[0]).toContain('ECONNREFUSED');
    await server.start();
    expect((await enrolled).worker_id).toBe('worker_1');
  });

  it('ends when told to', async () => {
    server.enrollStatus = 503;
    const enrolled = attempt(server.url);
    const failure = expect(enrolled).rejects.toThrow(/abort/i);
    await until('an attempt', () => server.enrollments.length > 0);
    ending.abort();
    await failure;
  });
});
