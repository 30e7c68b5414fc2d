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
    expect(['10.9.9.9', '::1', 'a.test', 'b.test'].map((host) => addresses.address(host))).toEqual([
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
    expect(addresses.address('a.test')).toBe('10.0.0.2');
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
    expect(addresses.address('a.test')).toBe('10.0.0.5');
    expect(changed).toEqual(['a.test', 'a.test']);
    addresses.stop();
  });

  it('names that are not used any more are forgotten', async () => {
    const { addresses } = setUp({ 'a.test': ['10.0.0.1'] });
    await addresses.use(['a.test']);
    await addresses.use([]);
    expect(addresses.address('a.test')).toBeNull();
  });
});
