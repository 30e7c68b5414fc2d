import { HttpDouble } from '../../../../test/support/http-double.js';
import { OllamaProbe } from './ollama.probe.js';

/** The shapes of https://docs.ollama.com/api/tags and /api/ps. */
const TAGS = {
  models: [
    {
      name: 'gemma3:4b',
      model: 'gemma3:4b',
      size: 3338801804,
      digest: 'a2af',
      details: { family: 'gemma3' },
    },
    { name: 'llama3.2:3b', model: 'llama3.2:3b', size: 2019393189, digest: 'a80c', details: {} },
  ],
};
const PS = {
  models: [
    {
      name: 'gemma3:4b',
      model: 'gemma3:4b',
      size: 6591830464,
      size_vram: 5333539264,
      expires_at: '2026-11-22T16:47:07.93355-07:00',
    },
  ],
};

describe('OllamaProbe', () => {
  let ollama: HttpDouble;
  let probe: OllamaProbe;

  beforeEach(async () => {
    ollama = await new HttpDouble().start();
    ollama.answers = { '/api/tags': { body: TAGS }, '/api/ps': { body: PS } };
    probe = new OllamaProbe(ollama.url, 500);
  });
  afterEach(() => ollama.stop());

  it('lists the models and which of them are in memory', async () => {
    expect(await probe.check()).toMatchObject({
      running: true,
      figures: {
        models: [
          { name: 'gemma3:4b', sizeBytes: 3338801804 },
          { name: 'llama3.2:3b', sizeBytes: 2019393189 },
        ],
        loaded: [
          {
            name: 'gemma3:4b',
            sizeBytes: 6591830464,
            vramBytes: 5333539264,
            expiresAt: '2026-11-22T16:47:07.93355-07:00',
          },
        ],
      },
    });
  });

  it('runs also without a model', async () => {
    ollama.answers = { '/api/tags': { body: { models: [] } }, '/api/ps': { body: { models: [] } } };
    expect(await probe.check()).toMatchObject({ running: true, figures: { models: [], loaded: [] } });
  });

  it.each([
    ['another program answers with a page', { body: '<!doctype html>' }],
    ['another program answers with other JSON', { body: { ok: true } }],
    ['it answers null', { body: 'null' }],
    ['it answers with an error', { status: 500, body: { error: 'broken' } }],
    ['it sends its readers elsewhere', { status: 302, headers: { location: '/api/ps' } }],
  ])('does not run when %s', async (_what, answer) => {
    ollama.answers = { ...ollama.answers, '/api/tags': answer };
    const reading = await probe.check();
    expect(reading).toMatchObject({ running: false, figures: { models: [], loaded: [] } });
    expect(reading.error).not.toBeNull();
  });

  it('keeps the path of the base URL', async () => {
    ollama.answers = { '/behind/api/tags': { body: TAGS }, '/behind/api/ps': { body: PS } };
    for (const base of [`${ollama.url}/behind`, `${ollama.url}/behind/`]) {
      expect((await new OllamaProbe(base, 500).check()).running).toBe(true);
    }
  });

  it('forgets the models when it is gone', async () => {
    await probe.check();
    await ollama.stop();
    expect(await probe.check()).toMatchObject({
      running: false,
      stale: true,
      figures: { models: [], loaded: [] },
    });
    await ollama.start();
  });
});
