import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine, UsageError } from './cli.js';

const parse = (line: string) => parseCommandLine(line.split(' '));

describe('the agent’s command line', () => {
  it('takes everything after -- as the command, flags included', () => {
    const parsed = parse(
      '--server http://host:8080 --token t --name node-a -- dask worker --name x tcp://s:1',
    );
    expect(parsed?.options).toMatchObject({
      server: 'http://host:8080',
      token: 't',
      name: 'node-a',
      command: ['dask', 'worker', '--name', 'x', 'tcp://s:1'],
      supervision: { graceMs: 10_000, maxRestarts: 10 },
    });
    expect(parsed?.stateDir).toBe(join('.data', 'agent', 'node-a'));
  });

  it('reads the token from a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'agent-cli-'));
    try {
      writeFileSync(join(directory, 'token'), 'from-file\n');
      const parsed = parse(`--server http://h --name n --token-file ${join(directory, 'token')} -- x`);
      expect(parsed?.options.token).toBe('from-file');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('reads the grace period and the limit of restarts', () => {
    const parsed = parse('--server http://h --name n --grace 2m --max-restarts 3 -- x');
    expect(parsed?.options.supervision).toMatchObject({ graceMs: 120_000, maxRestarts: 3 });
  });

  it('needs no token', () => {
    expect(parse('--server http://h --name n -- x')?.options.token).toBeNull();
  });

  it.each([
    ['no server', '--name n -- x'],
    ['no command', '--server http://h --name n'],
    ['an empty command', '--server http://h --name n --'],
    ['a server that is no web address', '--server ftp://h --name n -- x'],
    ['a user in the server’s address', '--server http://u:p@h --name n -- x'],
    ['a name that leaves the directory', '--server http://h --name ../n -- x'],
    ['an unknown flag', '--server http://h --name n --shell -- x'],
    ['a grace that is no duration', '--server http://h --name n --grace 30 -- x'],
    ['a grace without end', '--server http://h --name n --grace 9d -- x'],
    ['a limit that is no number', '--server http://h --name n --max-restarts few -- x'],
    ['a token file that is not there', '--server http://h --name n --token-file /no/such -- x'],
    ['words before the command', '--server http://h --name n dask -- x'],
  ])('refuses %s', (_what, line) => {
    expect(() => parse(line)).toThrow(UsageError);
  });

  it('asks for nothing else when help is wanted', () => {
    expect(parse('--help')).toBeNull();
  });
});
