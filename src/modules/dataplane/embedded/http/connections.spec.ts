import { backendConfig, type TestUpstream, until } from '../../../../../test/support/dataplane.js';
import { EngineHarness, HOST } from '../../../../../test/support/engine-harness.js';

const GET = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
const UPGRADE = `Host: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;

describe.each([
  ['on the fast path', true],
  ['by node:http', false],
])('client connections %s', (_name, fastPath) => {
  let harness: EngineHarness;
  let upstream: TestUpstream;
  let answers: (() => void)[];
  let errors: unknown[];

  beforeEach(async () => {
    harness = new EngineHarness();
    answers = [];
    errors = [];
    await harness.start({
      fastPath,
      onError: (error) => errors.push(error),
      keepAliveTimeoutMs: 200,
      maxConnections: 5,
    });
    upstream = await harness.upstream('one', (_request, response) => answers.push(() => response.end('ok')));
    await harness.serve([backendConfig('b1', upstream.port)]);
  });
  afterEach(() => harness.close());

  const inFlight = (): number => harness.engine.stats().requestsInFlight;
  const stillWorks = async (): Promise<void> => {
    const before = answers.length;
    const answer = harness.call();
    await until('the request', () => answers.length > before);
    answers.at(-1)?.();
    expect((await answer).body).toBe('ok');
  };

  it('that go away with requests in line leave nothing behind', async () => {
    const client = harness.client();
    client.send(GET.repeat(5));
    await until('the first request', () => answers.length === 1);
    client.socket.resetAndDestroy();
    await until('the end', () => inFlight() === 0 && harness.engine.stats().openConnections === 0);
    expect(upstream.requests).toHaveLength(1);
    await stillWorks();
  });

  it('that are cut in the middle of an answer drop the requests in line', async () => {
    const breaks = await harness.upstream('breaks', (request, response) => {
      response.writeHead(200, { 'Content-Length': '10' });
      response.write('abc');
      setImmediate(() => request.socket.destroy());
    });
    await harness.serve([backendConfig('b2', breaks.port)]);
    const client = harness.client();
    client.send(GET.repeat(3));
    await client.isClosed();
    await until('the end', () => inFlight() === 0);
    expect(breaks.requests).toHaveLength(1);
  });

  it('that send more requests ahead than is decent are cut', async () => {
    const client = harness.client();
    client.send(GET.repeat(500));
    await client.isClosed();
    await until('the end', () => inFlight() === 0);
  });

  const offer = (protocol: string): string =>
    `${GET}GET /ws HTTP/1.1\r\n${UPGRADE.replace('websocket', protocol)}\r\n`;

  if (fastPath) {
    it.each(['websocket', 'h2c'])(
      'that offer %s behind an unanswered request are served in order',
      async (protocol) => {
        const client = harness.client();
        client.send(offer(protocol));
        for (let i = 0; i < 2; i++) {
          await until('the request', () => answers.length === i + 1);
          expect(upstream.requests).toHaveLength(i + 1);
          answers[i]();
          await until('the answer', () => client.text.match(/HTTP\/1.1 200/g)?.length === i + 1);
        }
      },
    );
  } else {
    it.each(['websocket', 'h2c'])('that offer %s behind an unanswered request are cut', async (protocol) => {
      const client = harness.client();
      client.send(offer(protocol));
      await client.isClosed();
      await until('the end', () => inFlight() === 0);
      await stillWorks();
    });
  }

  it('that reset after CONNECT do no harm', async () => {
    const client = harness.client();
    client.send(`CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`);
    await client.receives('HTTP/1.1 405');
    client.socket.resetAndDestroy();
    await stillWorks();
  });

  it('that send on after CONNECT and never close are closed', async () => {
    const client = harness.client();
    client.send(`CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nmore`);
    await client.isClosed();
    await until('the close', () => harness.engine.stats().openConnections === 0);
  });

  it('that switch protocols with a body are refused', async () => {
    const text = await harness.raw(`GET /ws HTTP/1.1\r\n${UPGRADE}Content-Length: 3\r\n\r\nabc`);
    expect(text).toMatch(/^HTTP\/1.1 400[\s\S]*UPGRADE_WITH_BODY/);
  });

  it('that decline h2c keep what else Connection says', async () => {
    const client = harness.client();
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`);
    await until('the request', () => answers.length === 1);
    answers[0]();
    await client.isClosed();
    expect(client.text).toMatch(/Connection: close[\s\S]*ok$/);
  });

  it('that are idle too long are closed', async () => {
    const client = harness.client();
    client.send(GET);
    await until('the request', () => answers.length === 1);
    answers[0]();
    await client.receives('ok');
    await client.isClosed();
  });

  it('beyond the limit are closed at once', async () => {
    const clients = Array.from({ length: 7 }, () => harness.client());
    await until('two to be closed', () => clients.filter(({ closed }) => closed).length === 2);
  });

  it('are given up alone when something unexpected goes wrong', async () => {
    // A rule that fails stands for a defect.
    await harness.serve([backendConfig('b1', upstream.port)], {}, { features: { ipDeny: ['192.0.2.1'] } });
    const { BlockList } = await import('node:net');
    const check = jest.spyOn(BlockList.prototype, 'check').mockImplementation(() => {
      throw new Error('defect');
    });
    await expect(harness.call()).rejects.toThrow('socket hang up');
    check.mockRestore();
    expect(errors).toEqual([expect.objectContaining({ message: 'defect' })]);
    expect(inFlight()).toBe(0);
    await stillWorks();
  });
});
