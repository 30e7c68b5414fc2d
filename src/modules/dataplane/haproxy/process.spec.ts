import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithHaproxy } from '../contract/haproxy.js';
import { until } from '../contract/support.js';
import { alerts, findFault, HaproxyError, probeVersion } from './binary.js';
import { freePort } from './choices.js';
import { HaproxyProcess, parseProcesses } from './process.js';

describe('what the master says', () => {
  it('the table of processes is read', () => {
    const text = `#<PID>          <type>          <reloads>       <uptime>        <version>
1162            master          5 [failed: 2]   0d00h02m07s     2.6.12
# workers
1271            worker          1               0d00h00m00s     2.6.12
# old workers
1233            worker          3               0d00h00m43s     2.6.12
# programs
`;
    expect(parseProcesses(text)).toEqual({ master: 1162, reloads: 5, failed: 2, worker: 1271 });
  });

  it('an old worker is not the one that accepts connections', () => {
    const text = '1162 master 5 [failed: 0] 0d 2.6\n# workers\n# old workers\n1233 worker 3 0d 2.6\n';
    expect(parseProcesses(text).worker).toBeNull();
  });

  it('something else is an error', () => {
    expect(() => parseProcesses('')).toThrow(HaproxyError);
  });

  it('alerts are told without paths, line numbers and addresses', () => {
    const text = `[NOTICE]   (9) : haproxy version is 2.6.12
[ALERT]    (9) : config : parsing [/var/lib/vf/current/haproxy.cfg:25] : unknown keyword 'x' in 'frontend' section
[ALERT]    (9) : Binding [/var/lib/vf/haproxy.cfg:7] for frontend fe.http: cannot bind socket (Address already in use) for [10.1.2.3:80]
`;
    const told = alerts(text);
    expect(told).toContain("unknown keyword 'x'");
    expect(told).toContain('Address already in use');
    expect(told).not.toMatch(/\/var|:25|10\.1\.2\.3/);
  });
});

describeWithHaproxy('the HAProxy process', () => {
  let directory: string;
  let haproxy: HaproxyProcess;
  let ended: number;
  let port: number;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vf-process-'));
    ended = 0;
    port = await freePort('127.0.0.1');
    haproxy = new HaproxyProcess({
      binary: 'haproxy',
      configuration: join(directory, 'haproxy.cfg'),
      masterSocket: join(directory, 'master.sock'),
      logFile: join(directory, 'haproxy.log'),
      directory,
      onExit: () => ended++,
    });
  });
  afterEach(async () => {
    await haproxy.stop(0, async () => true);
    rmSync(directory, { recursive: true });
  });

  const configure = (extra = '', listen = port): void =>
    writeFileSync(
      join(directory, 'haproxy.cfg'),
      `defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nfrontend f\n  bind 127.0.0.1:${listen}\n${extra}`,
    );

  it('its version is known', async () => {
    expect((await probeVersion('haproxy')).major).toBeGreaterThanOrEqual(2);
  });

  it('a fault is found before it does harm', async () => {
    configure();
    expect(await findFault('haproxy', join(directory, 'haproxy.cfg'))).toBeNull();
    configure('  nonsense\n');
    const path = join(directory, 'haproxy.cfg');
    const fault = await findFault('haproxy', path);
    expect(fault?.message).toContain('nonsense');
    expect(fault?.places).toContainEqual({ path, line: expect.any(Number) });
  });

  it('one that cannot start says why', async () => {
    configure('  nonsense\n');
    await expect(haproxy.start()).rejects.toThrow('nonsense');
    expect(haproxy.running).toBe(false);
  });

  it('a reload brings a new worker; one that fails leaves the old one', async () => {
    configure();
    await haproxy.start();
    const first = haproxy.workerPid;
    await haproxy.reload();
    const second = haproxy.workerPid;
    expect(second).not.toBe(first);
    configure('  nonsense\n');
    await expect(haproxy.reload()).rejects.toThrow('nonsense');
    expect(haproxy.workerPid).toBe(second);
    configure();
    await haproxy.reload();
    expect(haproxy.workerPid).not.toBe(second);
    expect(ended).toBe(0);
  });

  it('a second one on the same socket is adopted, not started', async () => {
    configure();
    await haproxy.start();
    const { workerPid } = haproxy;
    haproxy.forget();
    expect(haproxy.running).toBe(false);
    expect(await haproxy.adopt()).toBe(true);
    expect(haproxy.workerPid).toBe(workerPid);
  });

  const listens = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.unref();
    });

  it.each([
    ['before it is spawned', () => true],
    ['while it comes up', () => existsSync(join(directory, 'haproxy.log'))],
    ['as soon as it listens', listens],
  ])('one that is stopped %s during its start is gone, and stays gone', async (_when, reached) => {
    configure();
    const starting = haproxy.start().then(
      () => 'started',
      (error: Error) => error.name,
    );
    await until('that moment', reached);
    await haproxy.stop(0, async () => true);
    // It had come up before the stop, or it never does.
    await starting;
    expect(haproxy.running).toBe(false);
    await until('nobody listens', async () => !(await listens()));
    await expect(haproxy.start()).rejects.toThrow('stopped');
    expect(await listens()).toBe(false);
  });

  it('where nothing runs there is nothing to adopt', async () => {
    expect(await haproxy.adopt()).toBe(false);
  });
});
