import { HostAddresses } from './host-addresses.js';

describe('addresses of backends given by name', () => {
  const setUp = (answers: Record<string, string[]>) => {
    const changed: string[] = [];
    const resolve = async (host: string) => {
      if (!answers[host]) throw new Error('ENOTFOUND');
      return answers[host];
    };
    const addresses = new HostAddresses((host) => changed.push(host), resolve);
    return { addresses, changed };
  };

  it('an address stands for itself, a name for its address, an unknown one for none', async () => {
    const { addresses } = setUp({ 'a.test': ['10.0.0.1'] });
    await addresses.use(['a.test', 'b.test', '10.9.9.9']);
    expect(['10.9.9.9', '::1', 'a.test', 'b.test'].map((host) => addresses.address({ host }))).toEqual([
      '10.9.9.9',
      '::1',
      '10.0.0.1',
      null,
    ]);
    addresses.stop();
  });

  it('IPv4 is preferred, and an address that is still among the answers stays', async () => {
    const answers = { 'a.test': ['fd00::1', '10.0.0.2', '10.0.0.1'] };
    const { addresses } = setUp(answers);
    await addresses.use(['a.test']);
    answers['a.test'] = ['10.0.0.1', '10.0.0.2'];
    await addresses.refresh();
    expect(addresses.address({ host: 'a.test' })).toBe('10.0.0.2');
    addresses.stop();
  });

  it('a new address is told; without an answer the last one stays', async () => {
    const answers: Record<string, string[]> = { 'a.test': ['10.0.0.1'] };
    const { addresses, changed } = setUp(answers);
    await addresses.use(['a.test']);
    answers['a.test'] = ['10.0.0.5'];
    await addresses.refresh();
    delete answers['a.test'];
    await addresses.refresh();
    expect(addresses.address({ host: 'a.test' })).toBe('10.0.0.5');
    expect(changed).toEqual(['a.test', 'a.test']);
    addresses.stop();
  });

  it('names that are not used any more are forgotten', async () => {
    const { addresses } = setUp({ 'a.test': ['10.0.0.1'] });
    await addresses.use(['a.test']);
    await addresses.use([]);
    expect(addresses.address({ host: 'a.test' })).toBeNull();
  });

  it('link-local and metadata addresses are never used, private ones only where they are allowed', async () => {
    const answers: Record<string, string[]> = {
      'meta.test': ['169.254.169.254', '100.100.100.200', 'fe80::1'],
      'mixed.test': ['169.254.169.254', '10.0.0.1', '198.51.100.7', '93.184.216.34'],
    };
    const { addresses } = setUp(answers);
    await addresses.use(Object.keys(answers));
    const both = (host: string) =>
      [true, false].map((allowPrivate) => addresses.address({ host, allowPrivate }));
    expect(both('meta.test')).toEqual([null, null]);
    expect(both('mixed.test')).toEqual(['10.0.0.1', '198.51.100.7']);
    expect(both('169.254.169.254')).toEqual([null, null]);
    expect(both('127.0.0.1')).toEqual(['127.0.0.1', null]);
    addresses.stop();
  });

  it('a name that moves to a forbidden address has none from then on, and that is told', async () => {
    const answers: Record<string, string[]> = { 'a.test': ['93.184.216.34'] };
    const { addresses, changed } = setUp(answers);
    await addresses.use(['a.test']);
    answers['a.test'] = ['169.254.169.254'];
    await addresses.refresh();
    expect(addresses.address({ host: 'a.test' })).toBeNull();
    expect(changed).toEqual(['a.test', 'a.test']);
    addresses.stop();
  });

  it('a snapshot waits only once for a name without an answer', async () => {
    let asked = 0;
    const addresses = new HostAddresses(
      () => undefined,
      async () => {
        asked++;
        throw new Error('ENOTFOUND');
      },
    );
    await addresses.use(['a.test']);
    await addresses.use(['a.test']);
    expect(asked).toBe(1);
    await addresses.refresh();
    expect(asked).toBe(2);
    addresses.stop();
  });
});
