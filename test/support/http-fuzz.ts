/** Random HTTP/1.1 messages: whole, odd and broken, as texts of Latin-1 bytes. */

type Random = () => number;

const JUNK = [
  '\r',
  '\n',
  '\0',
  '\r\n',
  '\r\n ',
  '\n\n',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\x80',
  '\xff',
  '\x7f',
  '0',
  '\x01',
  '#',
];
const NAMES = [
  'X-A',
  'x-b',
  'Cookie',
  'Accept',
  'X_C',
  "X!#$%&'*+-.^_`|~",
  'X A',
  '',
  'X-\x80',
  'X(',
  '"X"',
  'X-A\t',
  ' X-A',
];
const VALUES = [
  '',
  'a',
  ' a ',
  '\ta\t',
  'a b',
  'a\tb',
  '\x80\xff',
  'a\x7f',
  'a\x01',
  'a\r\n b',
  'a\rb',
  'a\nb',
  'a\0',
  'x'.repeat(300),
];
const LENGTHS = [
  '5',
  '0',
  '05',
  '+5',
  '-5',
  '5 ',
  ' 5',
  '5,5',
  '5, 5',
  '0x5',
  '',
  '5a',
  '5\t',
  '00',
  '99999999999999999999',
  '1e1',
  '\xb3',
];
const CODINGS = [
  'chunked',
  'Chunked',
  'CHUNKED',
  ' chunked ',
  'gzip, chunked',
  'chunked, gzip',
  'chunked, chunked',
  'identity',
  'xchunked',
  '',
  'chunked;q=1',
  '"chunked"',
  'chunked,',
  ',chunked',
  '\x0bchunked',
];
const CONNECTIONS = [
  'close',
  'keep-alive',
  'Close',
  'Keep-Alive',
  'upgrade',
  'close, keep-alive',
  'keep-alive, X-A',
  '',
  'closed',
  ' close',
];
const EXTENSIONS = [
  '',
  '',
  '',
  ';a',
  ';a=b',
  ';a="b"',
  '; a',
  ' ;a',
  ';',
  ';;',
  ';a=',
  ';=b',
  ';a=b;c',
  ';a=\x80',
  ';a\n',
  ' ',
  '\t',
];
const TRAILERS = [
  '',
  '',
  '',
  'X-T: 1\r\n',
  'X-T:\r\n',
  'X T: 1\r\n',
  'Content-Length: 5\r\n',
  'Host: b\r\n',
  ': 1\r\n',
  'X-T: 1\n',
  'X-T: 1\r\n 2\r\n',
  'Transfer-Encoding: chunked\r\n',
];
const SIZES = [
  '5',
  '05',
  '0005',
  '5',
  '5',
  '6',
  '4',
  '0x5',
  '-5',
  '+5',
  '',
  '5h',
  'ffffffffffffffffff',
  ' 5',
  '5 ',
];

export class HttpFuzz {
  constructor(
    private readonly random: Random,
    private readonly host: string,
  ) {}

  /** Up to three messages one behind the other, perhaps damaged. */
  requests(): string {
    return this.damaged(this.several(() => this.request()));
  }

  /** Answers of a backend to one request. */
  responses(): string {
    const interim = this.chance(0.1) ? `HTTP/1.1 ${this.one(['100', '102', '103', '101'])} x\r\n\r\n` : '';
    return this.damaged(interim + this.response() + (this.chance(0.1) ? this.response() : ''));
  }

  /** The bytes in pieces, as a network might deliver them. */
  pieces(bytes: Buffer): Buffer[] {
    if (this.chance(0.5)) return [bytes];
    const cuts = Array.from({ length: 1 + this.below(4) }, () => this.below(bytes.length + 1)).sort(
      (a, b) => a - b,
    );
    return [0, ...cuts]
      .map((cut, i) => bytes.subarray(cut, cuts[i] ?? bytes.length))
      .filter((piece) => piece.length > 0);
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  private request(): string {
    const method = this.usually(
      ['GET', 'POST', 'PUT', 'DELETE', 'HEAD'],
      ['CONNECT', 'TRACE', 'get', 'PRI', 'M-SEARCH', 'GE T', '', 'PROPFIND', 'QUERY'],
    );
    const target = this.usually(
      ['/', '/a/b?c=d', '/a%20b', '/"<>\\^`{|}', '/../x', '/?a?b#'],
      [
        `http://${this.host}/x`,
        '*',
        'a:443',
        '',
        '/a b',
        '/\x80',
        '/#',
        '//x',
        'http://other/',
        '/\x01',
        '?x',
        '/a\tb',
      ],
    );
    const version = this.usually(
      ['HTTP/1.1'],
      [
        'HTTP/1.0',
        'HTTP/2.0',
        'HTTP/1.2',
        'http/1.1',
        'HTTP/1.1 ',
        'HTTP/01.1',
        'ICE/1.0',
        'HTTP/1.10',
        'RTSP/1.0',
      ],
    );
    const lead = this.usually([''], ['\r\n', '\n', ' ', '\r\n\r\n', '\0']);
    const { fields, body } = this.framing();
    const lines = [...this.hosts(), ...fields, ...this.otherFields()];
    return `${lead}${[`${method} ${target} ${version}`, ...this.shuffled(lines)].join('\r\n')}\r\n\r\n${body}`;
  }

  private response(): string {
    const version = this.usually(
      ['HTTP/1.1'],
      ['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', 'http/1.1', 'HTTP/1.', 'SSH-2.0', '', 'HTTP/1.12'],
    );
    const status = this.usually(
      ['200', '204', '304', '404', '500'],
      ['100', '101', '99', '1000', '2 00', '', '20x', '000', '-1', '600', '999'],
    );
    const reason = this.usually(
      [' OK', ' ', '', ' Not \x80 Found'],
      [' a\tb', ' a\0', ' a\rb', ' a\nb', '\tOK'],
    );
    const { fields, body } = this.framing();
    const lines = this.shuffled([...fields, ...this.otherFields()]);
    return `${[`${version} ${status}${reason}`, ...lines].join('\r\n')}\r\n\r\n${body}`;
  }

  private hosts(): string[] {
    if (this.chance(0.9)) return [`Host: ${this.host}`];
    return this.one([
      [],
      [`Host: ${this.host}`, 'Host: other'],
      [`Host: ${this.host}`, `host: ${this.host}`],
      ['Host: '],
      ['Host: a/b'],
      ['Host:a b'],
      ['HOST: [::1]:80'],
      [`Host : ${this.host}`],
    ]);
  }

  private framing(): { fields: string[]; body: string } {
    const kind = this.random();
    if (kind < 0.35) return { fields: [], body: this.chance(0.2) ? 'hello' : '' };
    if (kind < 0.6) return { fields: ['Content-Length: 5'], body: 'hello' };
    if (kind < 0.85) return { fields: ['Transfer-Encoding: chunked'], body: this.chunks() };
    const fields: string[] = [];
    for (let i = 1 + this.below(2); i > 0; i--) {
      fields.push(
        this.chance(0.5) ? `Content-Length: ${this.one(LENGTHS)}` : `Transfer-Encoding: ${this.one(CODINGS)}`,
      );
    }
    return { fields, body: this.chance(0.5) ? 'hello' : this.chunks() };
  }

  private chunks(): string {
    const odd = this.chance(0.4);
    let body = '';
    for (let i = this.below(3); i >= 0; i--) {
      const size = odd ? this.one(SIZES) : '5';
      body += `${size}${odd ? this.one(EXTENSIONS) : ''}${odd && this.chance(0.1) ? '\n' : '\r\n'}hello${odd && this.chance(0.1) ? '\n' : '\r\n'}`;
    }
    return `${body}${odd ? this.one(['0', '00', '0', '0;a', '']) : '0'}\r\n${odd ? this.one(TRAILERS) : ''}\r\n`;
  }

  private otherFields(): string[] {
    const fields: string[] = [];
    while (this.chance(0.5)) {
      const kind = this.random();
      if (kind < 0.3) fields.push(`Connection: ${this.one(CONNECTIONS)}`);
      else if (kind < 0.4)
        fields.push(
          this.one([
            'Upgrade: websocket',
            'Upgrade: h2c',
            'Expect: 100-continue',
            'Proxy-Connection: close',
            'Keep-Alive: timeout=5',
            'TE: trailers',
            'Trailer: X-T',
          ]),
        );
      else if (kind < 0.7)
        fields.push(`${this.one(NAMES)}:${this.one(['', ' ', '\t', '  '])}${this.one(VALUES)}`);
      else if (kind < 0.75) fields.push(this.one(['no colon', ' folded', '\tfolded', '']));
      else fields.push('X-Plain: 1');
    }
    return fields;
  }

  private several(make: () => string): string {
    let text = make();
    while (this.chance(0.4) && text.length < 5_000) text += make();
    return text;
  }

  private damaged(text: string): string {
    if (this.chance(0.6)) return text;
    const at = this.below(text.length + 1);
    const kind = this.random();
    if (kind < 0.4) return text.slice(0, at) + this.one(JUNK) + text.slice(at);
    if (kind < 0.6) return text.slice(0, at) + text.slice(at + 1 + this.below(3));
    if (kind < 0.8) return text.slice(0, at) + String.fromCharCode(this.below(256)) + text.slice(at + 1);
    if (kind < 0.9) return text.slice(0, at);
    return text.replace('\r\n', this.one(['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n']));
  }

  private usually<T>(common: readonly T[], rare: readonly T[]): T {
    return this.one(this.chance(0.93) ? common : rare);
  }

  private shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((item) => ({ item, key: this.random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  }

  private below(n: number): number {
    return Math.floor(this.random() * n);
  }
}
