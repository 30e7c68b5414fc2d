import {
  addressKind,
  backendHostProblem,
  formatHostPort,
  isHostName,
  mayBeBackend,
  parseHostPort,
} from './addresses.js';

describe('addressKind', () => {
  it.each([
    ['169.254.169.254', 'never'],
    ['169.254.0.1', 'never'],
    ['100.100.100.200', 'never'],
    ['168.63.129.16', 'never'],
    ['fd00:ec2::254', 'never'],
    ['fd00:0ec2:0:0:0:0:0:0254', 'never'],
    ['fe80::1', 'never'],
    ['0.0.0.0', 'never'],
    ['::', 'never'],
    ['224.0.0.1', 'never'],
    ['ff02::1', 'never'],
    ['255.255.255.255', 'never'],
    ['127.0.0.1', 'loopback'],
    ['::1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['192.168.1.10', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12::1', 'private'],
    ['192.0.2.1', 'reserved'],
    ['93.184.216.34', 'public'],
    ['2606:4700::1', 'public'],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  it.each([
    ['::ffff:169.254.169.254', 'never'],
    ['::ffff:a9fe:a9fe', 'never'],
    ['64:ff9b::a9fe:a9fe', 'never'],
    ['2002:a9fe:a9fe::1', 'never'],
    ['::7f00:1', 'loopback'],
    ['::ffff:10.0.0.1', 'private'],
  ])('%s is judged by the IPv4 address inside it: %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  it.each(['example.com', '2852039166', '127.1', '0x7f.0.0.1', 'fe80::1%eth0', '[::1]', ''])(
    '%p is no address',
    (text) => {
      expect(addressKind(text)).toBeNull();
    },
  );
});

describe('parseHostPort', () => {
  it.each([
    ['192.0.2.1:8080', '192.0.2.1', 8080],
    ['API.Example.com:80', 'api.example.com', 80],
    ['web-1:3000', 'web-1', 3000],
    ['[2001:DB8:0:0::1]:443', '2001:db8::1', 443],
    ['[::1]:65535', '::1', 65_535],
  ])('reads %s', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port });
  });

  it.each([
    '',
    'nohost',
    ':80',
    'host:',
    'host:0',
    'host:080',
    'host:65536',
    'http://192.0.2.1:80/x',
    '192.0.2.1:80\r\nX: y',
    '192.0.2.1:80 ',
    'a_b:80',
    '-a:80',
    'a..b:80',
    '2852039166:80',
    '0x7f.1:80',
    '127.1:80',
    '1.2.3.256:80',
    '::1:80',
    '[::1]',
    '[fe80::1%eth0]:80',
    'user@host:80',
    `${'a'.repeat(64)}:80`,
    `${'a.'.repeat(130)}a:80`,
  ])('refuses %p', (text) => {
    expect(parseHostPort(text)).toBeNull();
  });

  it('gives one spelling to equal addresses', () => {
    expect(formatHostPort(parseHostPort('[2001:DB8:0:0::1]:443')!)).toBe('[2001:db8::1]:443');
    expect(formatHostPort(parseHostPort('Web.Example.com:80')!)).toBe('web.example.com:80');
  });
});

describe('backend addresses', () => {
  it('never include link-local and metadata addresses, whatever the setting says', () => {
    for (const allowPrivate of [true, false])
      for (const host of ['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254', '0.0.0.0']) {
        expect(backendHostProblem(host, { allowPrivate })).not.toBeNull();
        expect(mayBeBackend(host, { allowPrivate })).toBe(false);
      }
  });

  it('include private and loopback addresses only where the setting allows it', () => {
    for (const host of ['127.0.0.1', '10.0.0.1', '::1', 'fd12::1']) {
      expect(mayBeBackend(host, { allowPrivate: true })).toBe(true);
      expect(mayBeBackend(host, { allowPrivate: false })).toBe(false);
      expect(backendHostProblem(host, { allowPrivate: false })).not.toBeNull();
    }
    expect(backendHostProblem('localhost', { allowPrivate: false })).not.toBeNull();
    expect(backendHostProblem('localhost', { allowPrivate: true })).toBeNull();
  });

  it('may be public or documentation addresses and names', () => {
    for (const host of ['93.184.216.34', '192.0.2.1', '2606:4700::1', 'example.com'])
      expect(backendHostProblem(host, { allowPrivate: false })).toBeNull();
  });
});

describe('isHostName', () => {
  it('takes names of RFC 1123 in lower case only', () => {
    expect(['example.com', 'a', 'x--y.z', '1a.b2'].every(isHostName)).toBe(true);
    expect(['Example.com', 'a.', '.a', 'a b', 'a.1', '1', 'é.fr', ''].some(isHostName)).toBe(false);
  });
});
