import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { writeBackupFile } from '../../src/modules/backup/backup-file.js';
import { type Caller, caller } from '../support/api.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { figure } from '../support/figures.js';
import { S3Double } from '../support/s3-double.js';
import {
  adminToken,
  newTenant,
  type SignedInTenant,
  startServer,
  type TestServer,
  testDirectory,
} from '../support/server.js';
import { until } from '../support/until.js';

interface Backup {
  id: string;
  trigger: string;
  size: number;
  checksum: string;
  rows: Record<string, number>;
}
interface Refused {
  code: string;
  message: string;
}
type Rows = Record<string, string[]>;

const FORMAT = 'veloflux-config/1';
const SECRETS = { JWT_SECRET: 'j'.repeat(40), ENCRYPTION_KEY: 'e'.repeat(40) };
/** What jobs write by themselves while a test runs: this very machine may be busy enough for an alert. */
const MOVING = new Set(['alerts', 'notification_deliveries', 'ai_detector_states', 'ai_anomalies']);
const GZIP = { 'content-type': 'application/gzip' };
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

const documentOf = (domain: string, pools: number) => ({
  format: FORMAT,
  pools: Array.from({ length: pools }, (_, i) => ({
    name: `pool-${i}`,
    algorithm: 'round_robin',
    health_check: { enabled: false },
    backends: [{ address: `192.0.2.${i + 1}:80`, weight: i + 1 }],
  })),
  routes: [{ host: `www.${domain}`, pool: 'pool-0' }],
});

/** A running installation with an administrator and what the tests ask of it. */
class Installation {
  constructor(
    readonly server: TestServer,
    readonly database: TestDatabase,
    public admin: Caller,
  ) {}

  static async start(database: TestDatabase, env: Record<string, string>): Promise<Installation> {
    const server = await startServer({ env: { DATABASE_URL: database.url, ...SECRETS, ...env } });
    return new Installation(server, database, caller(server.api, await adminToken(server)));
  }

  /** After a restore of everything people are those of the backup. */
  async signInAgain(): Promise<void> {
    this.admin = caller(this.server.api, await adminToken(this.server));
  }

  async backup(method = 'POST'): Promise<Backup> {
    const answer = await this.admin<Backup>(method, '/api/backup/create');
    if (answer.status !== 200) throw new Error(answer.text);
    return answer.body;
  }

  async download(id: string): Promise<Buffer> {
    const response = await fetch(`${this.server.api}/api/backup/${id}/download`, {
      headers: { authorization: `Bearer ${await adminToken(this.server)}` },
    });
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  }

  restore(body: object | Uint8Array, query = '') {
    const headers = body instanceof Uint8Array ? GZIP : {};
    return this.admin<Refused & { rows: Record<string, number> }>(
      'POST',
      `/api/backup/restore${query}`,
      body,
      headers,
    );
  }

  /** Every row of what a backup holds and no job moves on, as the owner of the database sees it. */
  async rows({ only, but }: { only?: string; but?: string } = {}): Promise<Rows> {
    const tables = await this.database.sql(
      `SELECT c.relname AS name, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
         EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS of_tenant
       FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
         AND c.relname NOT IN ('migrations', 'plans')`,
    );
    const found: Rows = {};
    for (const { name, comment, of_tenant } of tables) {
      if (/not in backups|append only|history/.test(String(comment)) || MOVING.has(String(name))) continue;
      const column = name === 'tenants' ? 'id' : of_tenant ? 'tenant_id' : null;
      if (only && !column) continue;
      const scope =
        !column || !(only ?? but) ? 'true' : only ? `${column} = '${only}'` : `${column} <> '${but}'`;
      // a busy machine raises these by itself
      const moving = name === 'alerts' ? "fingerprint LIKE 'host\\_%'" : 'false';
      const rows = await this.database.sql(
        `SELECT to_jsonb(t)::text AS row FROM ${name} t WHERE ${scope} AND NOT ${moving} ORDER BY 1`,
      );
      found[String(name)] = rows.map((r) => String(r.row));
    }
    return found;
  }
}

const signIn = async ({ server }: Installation, { email, password }: SignedInTenant) =>
  (await server.client().POST('/api/auth/login', { body: { username: email, password } })).data!.token;

describe('backups', () => {
  const target = testDirectory();
  let s3: S3Double;
  let installation: Installation;
  /** Another one with nothing in it, which keeps its backups in S3. */
  let fresh: Installation;
  let ann: SignedInTenant;
  let bob: SignedInTenant;
  const exportOf = async (of: SignedInTenant) =>
    (await caller(installation.server.api, of.token)('GET', '/api/config/export')).text;
  const put = async (of: SignedInTenant, document: object) => {
    const answer = await caller(installation.server.api, of.token)('POST', '/api/config/import', document);
    expect(answer.status).toBe(200);
  };

  beforeAll(async () => {
    s3 = await new S3Double().start();
    const inS3 = {
      BACKUP_TARGET: 's3://safe/veloflux',
      S3_ENDPOINT: s3.url,
      S3_ACCESS_KEY_ID: 'key',
      S3_SECRET_ACCESS_KEY: 'secret',
    };
    const databases = [await testDatabase(), await testDatabase()] as const;
    [installation, fresh] = await Promise.all([
      Installation.start(databases[0], { BACKUP_TARGET: target }),
      Installation.start(databases[1], inS3),
    ]);
    await installation.admin('POST', '/api/settings', { backup_enabled: false });
    ann = await newTenant(installation.server, 'enterprise');
    bob = await newTenant(installation.server, 'professional');
    await put(ann, documentOf('ann.example.org', 12));
    await put(bob, documentOf('bob.example.org', 7));
  }, 90_000);
  afterAll(async () => {
    for (const { server, database } of [installation, fresh]) {
      await server.stop();
      await database.close();
    }
    await s3.stop();
    await fs.rm(target, { recursive: true, force: true });
  }, 60_000);

  it('are made, listed, downloaded and deleted', async () => {
    const made = [await installation.backup('GET'), await installation.backup('POST')];
    const { body: list } = await installation.admin<Backup[]>('GET', '/api/backup');
    expect(list.slice(0, 2).map((b) => b.id)).toEqual(made.map((b) => b.id).reverse());
    const file = await installation.download(made[0]!.id);
    expect([file.length, sha256(file)]).toEqual([made[0]!.size, made[0]!.checksum]);
    const stored = await fs.readFile(path.join(target, `${made[0]!.id}.ndjson.gz`));
    expect(sha256(stored)).toBe(made[0]!.checksum);
    for (const { id } of made)
      expect((await installation.admin('DELETE', `/api/backup/${id}`)).status).toBe(204);
    expect((await installation.admin('GET', `/api/backup/${made[0]!.id}/download`)).status).toBe(404);
    expect(await fs.readdir(target)).toEqual([]);
    const owner = caller(installation.server.api, ann.token);
    expect((await owner('POST', '/api/backup/create')).status).toBe(403);
  });

  it('hold every row that the owner of the database sees, whatever row-level security hides', async () => {
    const { id, rows } = await installation.backup();
    const lines = gunzipSync(await installation.download(id))
      .toString()
      .split('\n');
    const written: Record<string, number> = {};
    let table = '';
    for (const line of lines) {
      if (line.startsWith('{"table":')) {
        table = JSON.parse(line).table;
        written[table] = 0;
      } else if (table && line && !/^\{"(end|seal)":/.test(line)) written[table]!++;
    }
    expect(written).toEqual(rows);
    expect([rows.backends, rows.tenants! >= 3, rows.config_entries! > 30]).toEqual([19, true, true]);
    for (const [name, n] of Object.entries(rows)) {
      // what is written all the time, such as the audit log, may have grown since
      const [{ have }] = (await installation.database.sql(`SELECT count(*)::int AS have FROM ${name}`)) as [
        { have: number },
      ];
      expect([name, n <= have && n >= have - 5]).toEqual([name, true]);
    }
  });

  it('bring the whole installation back to what it was', async () => {
    const before = await installation.rows();
    const { id, rows } = await installation.backup();
    await put(ann, documentOf('elsewhere.example.org', 3));
    await installation.admin('DELETE', `/api/tenants/${bob.tenantId}?force=true`);
    const eve = await newTenant(installation.server);
    await installation.admin('POST', '/api/settings', { alert_threshold_cpu: 55 });
    expect(await installation.rows()).not.toEqual(before);
    const answer = await installation.restore({ backup_id: id });
    expect(answer.body).toMatchObject({ status: 'backup restored', backup_id: id, rows });
    expect(await installation.rows()).toEqual(before);
    expect((await installation.admin('GET', `/api/tenants/${eve.tenantId}`)).status).toBe(404);
    expect(JSON.parse(await exportOf(ann)).pools).toHaveLength(12);
    bob = { ...bob, token: await signIn(installation, bob) };
    expect(JSON.parse(await exportOf(bob)).pools).toHaveLength(7);
  });

  it('bring one tenant back, uploaded or by id, and leave all others as they are', async () => {
    const { id } = await installation.backup();
    const file = await installation.download(id);
    const own = await installation.rows({ only: ann.tenantId });
    for (const by of ['id', 'upload']) {
      await put(ann, documentOf(`${by}.example.org`, 2));
      await put(bob, documentOf(`${by}-bob.example.org`, 4));
      const others = await installation.rows({ but: ann.tenantId });
      const answer =
        by === 'id'
          ? await installation.restore({ backup_id: id, tenant_id: ann.tenantId })
          : await installation.restore(file, `?tenant_id=${ann.tenantId}`);
      expect(answer.body).toMatchObject({ tenant_id: ann.tenantId, rows: { pools: 12, backends: 12 } });
      expect(await installation.rows({ only: ann.tenantId })).toEqual(own);
      expect(await installation.rows({ but: ann.tenantId })).toEqual(others);
    }
    const nobody = 'tenant_00000000000000000000000000';
    expect((await installation.restore({ backup_id: id, tenant_id: nobody })).status).toBe(404);
  });

  it.each(['the tenant', 'everything'])(
    'take back no usage, bill or plan when %s is restored, and put back what is missing',
    async (what) => {
      const cleo = await newTenant(installation.server);
      const call = caller(installation.server.api, cleo.token);
      const { sql } = installation.database;
      const subscribe = (by: typeof call, plan: string) =>
        by<{ id: string }>('POST', '/api/billing/subscriptions', {
          plan,
          billing_cycle: 'monthly',
          payment_method: 'manual',
        });
      const use = (minute: string, requests: number) =>
        sql(
          `INSERT INTO usage_minutes VALUES ($1, $2, $3::bigint, 10 * $3::bigint)
           ON CONFLICT (tenant_id, minute) DO UPDATE SET requests = EXCLUDED.requests`,
          [cleo.tenantId, minute, requests],
        );
      expect((await subscribe(call, 'basic')).status).toBe(201);
      await use('2026-06-01T00:00:00Z', 100);
      await use('2026-06-01T00:01:00Z', 7);
      const { id } = await installation.backup();
      await use('2026-06-01T00:00:00Z', 150);
      await use('2026-06-01T00:02:00Z', 50);
      await sql(`INSERT INTO usage_events VALUES ($1, 'ai_jobs', 'since', 3)`, [cleo.tenantId]);
      await sql(`UPDATE invoices SET status = 'paid', amount_paid = amount_due WHERE tenant_id = $1`, [
        cleo.tenantId,
      ]);
      expect((await call('POST', '/api/billing/upgrade', { plan: 'professional' })).status).toBe(200);
      const ledger = async () => ({
        tables: await Promise.all(
          ['subscriptions', 'invoices', 'billing_history', 'usage_minutes', 'usage_events'].map((table) =>
            sql(`SELECT to_jsonb(t) AS row FROM ${table} t WHERE tenant_id = $1 ORDER BY to_jsonb(t)::text`, [
              cleo.tenantId,
            ]),
          ),
        ),
        plan: await sql('SELECT plan, plan_version FROM tenants WHERE id = $1', [cleo.tenantId]),
        numbers: await sql('SELECT * FROM invoice_numbers'),
      });
      const before = await ledger();
      expect(before.plan).toEqual([{ plan: 'professional', plan_version: 1 }]);
      await sql(`DELETE FROM usage_minutes WHERE tenant_id = $1 AND requests = 7`, [cleo.tenantId]);
      const scope = what === 'everything' ? {} : { tenant_id: cleo.tenantId };
      expect((await installation.restore({ backup_id: id, ...scope })).status).toBe(200);
      await installation.signInAgain();
      expect(await ledger()).toEqual(before);
    },
  );

  it('keep a tenant’s history going: versions before a restore stay, and it is one itself', async () => {
    const call = caller(installation.server.api, ann.token);
    const versions = async () =>
      (await call<{ version: number; summary: string }[]>('GET', '/api/config/versions?limit=200')).body;
    const { id } = await installation.backup();
    const at = await exportOf(ann);
    await put(ann, documentOf('after.example.org', 2));
    const after = await exportOf(ann);
    const seen = await versions();
    await installation.restore({ backup_id: id, tenant_id: ann.tenantId });
    const [newest, ...rest] = await versions();
    expect(newest!.summary).toContain('restored from backup');
    expect(rest.slice(0, seen.length)).toEqual(seen.slice(0, 199));
    const documentAt = async (n: number) =>
      `${JSON.stringify((await call<{ document: object }>('GET', `/api/config/versions/${n}`)).body.document, null, 2)}\n`;
    expect(await documentAt(newest!.version)).toBe(at);
    expect(await documentAt(seen[0]!.version)).toBe(after);
  });

  it('start an installation anew on an empty database, history and all', async () => {
    const { id, rows } = await installation.backup();
    const file = await installation.download(id);
    const versions = await caller(installation.server.api, ann.token)<object[]>(
      'GET',
      '/api/config/versions',
    );
    expect((await fresh.restore(file)).body.rows).toEqual(rows);
    await fresh.signInAgain();
    const call = caller(fresh.server.api, await signIn(fresh, ann));
    expect((await call('GET', '/api/config/export')).text).toBe(await exportOf(ann));
    const [newest, ...older] = (await call<{ version: number }[]>('GET', '/api/config/versions')).body;
    expect(older.slice(0, 5)).toEqual(versions.body.slice(0, 5));
    const change = await call<{ version: number }>(
      'POST',
      '/api/config/import',
      documentOf('new.example.org', 3),
    );
    expect([change.status, change.body.version > newest!.version]).toEqual([200, true]);
  });

  describe('that are not as they were written', () => {
    let made: Backup;
    let file: Buffer;
    let before: Rows;
    beforeAll(async () => {
      made = await installation.backup();
      file = await installation.download(made.id);
      before = await installation.rows();
    });
    afterEach(async () => expect(await installation.rows()).toEqual(before));

    it('are refused with any byte flipped: a hundred of them', async () => {
      const answers = new Map<string, number>();
      for (let i = 0; i < 100; i++) {
        const bad = Buffer.from(file);
        bad[Math.floor((i * (file.length - 1)) / 99)]! ^= 1 << (i % 8);
        const { status, body } = await installation.restore(bad);
        const answer = `${status} ${body.code}`;
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
      expect([...answers]).toEqual([['422 BACKUP_DAMAGED', 100]]);
    }, 60_000);

    it('are refused cut, empty, or followed by something', async () => {
      for (const bad of [
        file.subarray(0, file.length - 1),
        file.subarray(0, file.length >> 1),
        Buffer.alloc(0),
        Buffer.concat([file, Buffer.from([0])]),
      ]) {
        const { status, body } = await installation.restore(bad);
        expect([bad.length, status, body.code]).toEqual([bad.length, 422, 'BACKUP_DAMAGED']);
      }
    });

    it('are refused of another version, and without a table or a row', async () => {
      const lines = gunzipSync(file).toString().split('\n').slice(0, -2);
      const answerTo = async (changed: string[]) => {
        const forged = path.join(target, 'forged');
        async function* all() {
          for (const line of changed) yield `${line}\n`;
        }
        await writeBackupFile(forged, all());
        const { status, body } = await installation.restore(await fs.readFile(forged));
        await fs.rm(forged);
        return [status, body.code];
      };
      const header = JSON.parse(lines[0]!) as { migrations: string[] };
      const older = { ...header, migrations: header.migrations.slice(0, -1) };
      const other = { ...header, format: 'veloflux-backup/2' };
      for (const head of [older, other])
        expect(await answerTo([JSON.stringify(head), ...lines.slice(1)])).toEqual([422, 'BACKUP_VERSION']);
      const at = lines.findIndex((line) => line.startsWith('{"table":"backends"'));
      expect(await answerTo(lines.filter((_, i) => i !== at + 1))).toEqual([422, 'BACKUP_DAMAGED']);
      expect(await answerTo(lines.slice(0, -1))).toEqual([422, 'BACKUP_DAMAGED']);
      expect((await answerTo(lines.filter((_, i) => i !== at)))[0]).toBe(422);
    });

    it('are refused when the stored file is another one, also for download', async () => {
      const stored = path.join(target, `${made.id}.ndjson.gz`);
      const bad = Buffer.from(file);
      bad[bad.length >> 1]! ^= 4;
      await fs.writeFile(stored, bad);
      const { status, body } = await installation.restore({ backup_id: made.id });
      expect([status, body.code]).toEqual([422, 'BACKUP_DAMAGED']);
      expect((await installation.admin('GET', `/api/backup/${made.id}/download`)).status).toBe(422);
      await fs.rm(stored);
      const gone = await installation.restore({ backup_id: made.id });
      expect([gone.status, gone.body.code]).toEqual([503, 'BACKUP_UNREACHABLE']);
      await fs.writeFile(stored, file);
      const unknown = await installation.restore({ backup_id: 'backup_00000000000000000000000000' });
      expect(unknown.status).toBe(404);
    });
  });

  it('on a schedule are made once for all nodes, and so many kept as the best plan promises', async () => {
    const other = await Installation.start(installation.database, {
      BACKUP_TARGET: target,
      NODE_NAME: 'other',
    });
    try {
      const kept = await installation.backup();
      const scheduled = async () =>
        (await installation.admin<Backup[]>('GET', '/api/backup?limit=200')).body.filter(
          (b) => b.trigger === 'schedule',
        );
      /** The next interval has come; a change of the settings makes the leader look at once. */
      let hours = 1;
      const next = async (n: number) => {
        await installation.database.sql(`UPDATE backups SET created_at = created_at - interval '400 days'`);
        await installation.admin('POST', '/api/settings', { backup_enabled: true, backup_interval: ++hours });
        const due = async () =>
          Number(
            (
              await installation.database.sql(
                `SELECT count(*) AS n FROM backups WHERE trigger = 'schedule' AND state <> 'done'`,
              )
            )[0]!.n,
          ) === 0 && (await scheduled()).length >= n;
        await until(`${n} scheduled backups`, due, 20_000);
      };
      await next(1);
      await installation.admin('POST', '/api/settings', { backup_interval: ++hours });
      expect(await scheduled()).toHaveLength(1);
      await next(2);
      await next(3);
      expect(await scheduled()).toHaveLength(3);
      await installation.database.sql(`UPDATE tenants SET plan = 'free', plan_version = 1`);
      const [newest] = await scheduled();
      await installation.database.sql(`UPDATE backups SET created_at = created_at - interval '400 days'`);
      await installation.admin('POST', '/api/settings', { backup_interval: ++hours });
      await until(
        'the older ones to go',
        async () => {
          const now = await scheduled();
          return now.length === 1 && now[0]!.id !== newest!.id;
        },
        20_000,
      );
      const files = (await fs.readdir(target)).filter((name) => name.includes(newest!.id));
      expect(files).toEqual([]);
      expect((await installation.download(kept.id)).length).toBe(kept.size);
    } finally {
      await installation.admin('POST', '/api/settings', { backup_enabled: false });
      await installation.database.sql(`UPDATE tenants SET plan = 'enterprise'`);
      await other.server.stop();
    }
  }, 90_000);

  describe('in S3-compatible storage', () => {
    afterEach(() => {
      s3.faults = [];
      s3.lasting = null;
    });
    const count = async () => (await fresh.admin<Backup[]>('GET', '/api/backup')).body.length;

    it('are kept, fetched, restored and deleted there', async () => {
      const { id, checksum } = await fresh.backup();
      expect([...s3.objects.keys()]).toEqual([`/safe/veloflux/${id}.ndjson.gz`]);
      expect(sha256([...s3.objects.values()][0]!)).toBe(checksum);
      expect(sha256(await fresh.download(id))).toBe(checksum);
      expect((await fresh.restore({ backup_id: id })).status).toBe(200);
      await fresh.admin('DELETE', `/api/backup/${id}`);
      expect(s3.objects.size).toBe(0);
    });

    it.each(['error', 'drop', 'corrupt'] as const)('survive one fault of the storage: %s', async (fault) => {
      s3.faults = [fault];
      const { id, checksum } = await fresh.backup();
      s3.faults = fault === 'corrupt' ? [] : [fault];
      expect(sha256(await fresh.download(id))).toBe(checksum);
    });

    it.each(['error', 'drop', 'corrupt', 'denied'] as const)(
      'are not there, and 503 says so, when every upload fails: %s',
      async (fault) => {
        const before = [await count(), s3.objects.size];
        s3.lasting = fault;
        const { status, body, headers } = await fresh.admin<Refused>('POST', '/api/backup/create');
        expect([status, body.code]).toEqual([503, 'BACKUP_STORE_UNAVAILABLE']);
        expect(headers.get('retry-after')).not.toBeNull();
        s3.lasting = null;
        expect([await count(), s3.objects.size]).toEqual(before);
      },
    );

    it.each([
      ['error', 503, 'BACKUP_UNREACHABLE'],
      ['drop', 503, 'BACKUP_UNREACHABLE'],
      ['corrupt', 422, 'BACKUP_DAMAGED'],
    ] as const)('are not restored when every download fails: %s', async (fault, status, code) => {
      const { id } = await fresh.backup();
      const before = await fresh.rows();
      s3.lasting = fault;
      const answer = await fresh.restore({ backup_id: id });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(await fresh.rows()).toEqual(before);
    });
  });
});

/** A file system of one megabyte; null where this process may not mount one. */
async function smallDisk(): Promise<string | null> {
  const directory = testDirectory();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0777', 'tmpfs', directory], {
      stdio: 'ignore',
    });
    return directory;
  } catch {
    await fs.rm(directory, { recursive: true });
    return null;
  }
}

describe('a full disk', () => {
  it('refuses a backup with 503 and leaves no broken file, where it is written and where it is kept', async () => {
    const disks = [await smallDisk(), await smallDisk()];
    const [data, target] = disks;
    if (!data || !target) return void figure('skipped: no file system may be mounted here');
    const database = await testDatabase();
    const small = await Installation.start(database, { DATA_DIR: data, BACKUP_TARGET: target });
    try {
      for (const disk of [data, target]) {
        const filler = path.join(disk, 'filler');
        await fs.writeFile(filler, Buffer.alloc(2_000_000)).catch(() => undefined);
        const { status, body, headers } = await small.admin<Refused>('POST', '/api/backup/create');
        expect([status, body.code]).toEqual([503, 'BACKUP_STORAGE_FULL']);
        expect(headers.get('retry-after')).not.toBeNull();
        for (const either of [data, target]) {
          const left = await fs.readdir(either, { recursive: true });
          expect(left.filter((name) => name.includes('ndjson'))).toEqual([]);
        }
        expect((await small.admin<Backup[]>('GET', '/api/backup')).body).toEqual([]);
        await fs.rm(filler);
        const made = await small.backup();
        expect((await small.download(made.id)).length).toBe(made.size);
        await small.admin('DELETE', `/api/backup/${made.id}`);
      }
    } finally {
      await small.server.stop();
      for (const disk of disks) {
        execFileSync('umount', ['-l', disk!]);
        await fs.rm(disk!, { recursive: true, force: true });
      }
      await database.close();
    }
  }, 120_000);
});
