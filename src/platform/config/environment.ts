import { plainToInstance, Transform } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateBy,
  validateSync,
} from 'class-validator';
import ipaddr from 'ipaddr.js';
import { PASSWORD_LENGTH } from '../../common/passwords.js';

const toInt = ({ value }: { value: unknown }) =>
  typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value;
const toBool = ({ value }: { value: unknown }) =>
  value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value;
const toList = ({ value }: { value: unknown }) =>
  typeof value === 'string'
    ? value
        .split(',')
        .map((v) => v.trim())
        .filter(Boolean)
    : value;
const toPorts = ({ value }: { value: unknown }) =>
  typeof value === 'string' ? (toList({ value }) as string[]).map((v) => toInt({ value: v })) : value;

const Int = (min: number, max: number) => (target: object, key: string) => {
  Transform(toInt)(target, key);
  IsInt()(target, key);
  Min(min)(target, key);
  Max(max)(target, key);
};
const Port = () => Int(0, 65_535);

/** An address that is looked at now rather than when it is first used. */
const UrlOf = (...schemes: string[]) =>
  ValidateBy({
    name: 'isUrl',
    validator: {
      validate: (value) =>
        typeof value === 'string' &&
        URL.canParse(value) &&
        schemes.includes(new URL(value).protocol.slice(0, -1)),
      defaultMessage: () => `must be a URL that begins with ${schemes.map((s) => `${s}:`).join(' or ')}`,
    },
  });
const HttpUrl = () => UrlOf('http', 'https');

/** What Fastify's `trustProxy` takes: addresses, CIDR blocks and three names for private ones. */
const isProxies = (value: unknown) =>
  typeof value === 'string' &&
  (ipaddr.isValid(value) ||
    ipaddr.isValidCIDR(value) ||
    ['loopback', 'linklocal', 'uniquelocal'].includes(value));

/** Every setting of the process, read once at start. README lists them; `loadEnvironment` names the one that is wrong. */
export class Environment {
  @IsIn(['development', 'test', 'production'])
  NODE_ENV: string = 'development';

  @IsOptional()
  @IsString()
  HOST?: string;

  @Port() PORT = 8080;

  /** Further ports that answer exactly as PORT does: the documents disagree on the port. Empty: none. */
  @Transform(toPorts)
  @IsInt({ each: true })
  @Min(0, { each: true })
  @Max(65_535, { each: true })
  PORT_ALIASES: number[] = [9090, 8000];

  @Port() ADMIN_PORT = 9000;
  @Port() PROXY_PORT = 8088;
  @Port() PROXY_TLS_PORT = 8443;

  @IsOptional()
  @UrlOf('postgres', 'postgresql', 'socket')
  DATABASE_URL?: string;

  @IsOptional()
  @UrlOf('redis', 'rediss')
  REDIS_URL?: string;

  @IsString()
  DATA_DIR = '.data';

  /** Port of the embedded PostgreSQL; 0 takes a free one. */
  @Port() EMBEDDED_POSTGRES_PORT = 0;

  @Int(2, 500) DATABASE_POOL_SIZE = 20;

  @IsIn(['embedded', 'haproxy'])
  DATA_PLANE: 'embedded' | 'haproxy' = 'embedded';

  /** Signs access tokens; outside production one is made and kept in DATA_DIR. At least 32 characters. */
  @IsOptional()
  @IsString()
  @MinLength(32)
  JWT_SECRET?: string;

  /** Encrypts secrets at rest (OIDC client secrets, TLS keys); outside production one is made and kept in DATA_DIR. */
  @IsOptional()
  @IsString()
  @MinLength(32)
  ENCRYPTION_KEY?: string;

  /** Password of the first superadmin; needed at the first start in production. */
  @IsOptional()
  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  ADMIN_PASSWORD?: string;

  @IsOptional()
  @IsString()
  STRIPE_SECRET_KEY?: string;

  /** Signing secrets of the Stripe webhook endpoint, comma separated while one is rotated. */
  @Transform(toList)
  @IsString({ each: true })
  STRIPE_WEBHOOK_SECRET: string[] = [];

  /** `http://host:port` of a Stripe double, for tests. */
  @IsOptional()
  @HttpUrl()
  STRIPE_API_BASE?: string;

  @HttpUrl() OLLAMA_URL = 'http://127.0.0.1:11434';
  @HttpUrl() DASK_SCHEDULER_URL = 'http://127.0.0.1:8787';
  @HttpUrl() WEBUI_URL = 'http://127.0.0.1:3000';
  /** Base of the Dask bridge agent (ops/dask); unset: large batches run here. */
  @IsOptional()
  @HttpUrl()
  DASK_BRIDGE_URL?: string;
  @IsOptional()
  @IsString()
  DASK_BRIDGE_TOKEN?: string;

  @Int(0, 1_000_000) RATE_LIMIT_AUTHENTICATED_PER_MINUTE = 100;
  @Int(0, 1_000_000) RATE_LIMIT_ANONYMOUS_PER_MINUTE = 10;
  @Int(0, 10_000_000) RATE_LIMIT_TOKEN_PER_HOUR = 1000;

  /** Addresses of proxies whose X-Forwarded-For is believed, comma separated CIDR blocks. */
  @Transform(toList)
  @ValidateBy(
    {
      name: 'isProxies',
      validator: { validate: isProxies, defaultMessage: () => 'must be addresses or CIDR blocks' },
    },
    { each: true },
  )
  TRUSTED_PROXIES: string[] = [];

  /** Origins that may call the API from a browser besides the ones that tenants name. */
  @Transform(toList)
  @Matches(/^https?:\/\/[^\s/]+$/, { each: true, message: 'must be origins such as https://app.example.com' })
  CORS_ORIGINS: string[] = [];

  /** Whether backends may have private and loopback addresses; link-local and metadata addresses never. */
  @Transform(toBool)
  @IsBoolean()
  ALLOW_PRIVATE_BACKENDS = true;

  /** `host` or `host:port` entries that outgoing requests may reach although private or not https, comma separated. */
  @Transform(toList)
  @IsString({ each: true })
  OUTGOING_EXCEPTIONS: string[] = [];

  /** Public base URL of this installation, for links and OIDC callbacks. */
  @IsOptional()
  @HttpUrl()
  PUBLIC_URL?: string;

  @IsOptional()
  @IsString()
  ALERT_WEBHOOK_TOKEN?: string;

  @IsOptional()
  @UrlOf('smtp', 'smtps')
  SMTP_URL?: string;
  @IsString() SMTP_FROM = 'veloflux@localhost';
  @IsOptional()
  @HttpUrl()
  SLACK_WEBHOOK_URL?: string;
  @IsOptional()
  @HttpUrl()
  NOTIFY_WEBHOOK_URL?: string;
  @IsOptional()
  @IsString()
  NOTIFY_WEBHOOK_SECRET?: string;

  /** Where backups go: unset is `DATA_DIR/backups`; `s3://bucket/prefix` is S3-compatible storage. */
  @IsOptional()
  @IsString()
  BACKUP_TARGET?: string;
  @IsOptional()
  @HttpUrl()
  S3_ENDPOINT?: string;
  @IsString() S3_REGION = 'us-east-1';
  @IsOptional()
  @IsString()
  S3_ACCESS_KEY_ID?: string;
  @IsOptional()
  @IsString()
  S3_SECRET_ACCESS_KEY?: string;

  /** Name of this control-plane node; unset: host name and port. */
  @IsOptional()
  @IsString()
  NODE_NAME?: string;

  /** How long a stop waits for requests in flight, in seconds. */
  @Int(0, 600) SHUTDOWN_GRACE_SECONDS = 20;

  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  LOG_LEVEL = 'info';

  /** Directory of the ACME account and the directory URL; unset: no automatic certificates. */
  @IsOptional()
  @HttpUrl()
  ACME_DIRECTORY_URL?: string;
  @IsOptional()
  @IsString()
  ACME_EMAIL?: string;

  /** Names of all settings. */
  static names(): string[] {
    return Object.getOwnPropertyNames(new Environment()).concat(OPTIONAL_NAMES).sort();
  }

  get production(): boolean {
    return this.NODE_ENV === 'production';
  }

  /** Loopback outside production, so that a default password is never on a network. */
  get listenHost(): string {
    return this.HOST ?? (this.production ? '0.0.0.0' : '127.0.0.1');
  }
}

/** Raised at start; its message names the variable and says what it takes. */
class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * Reads and checks the process's environment. Empty strings count as unset, as compose files produce them.
 * @throws EnvironmentError naming every variable that is wrong
 */
export function loadEnvironment(source: NodeJS.ProcessEnv = process.env): Environment {
  const known = Environment.names();
  const given = Object.fromEntries(
    known
      .filter((k) => source[k] !== undefined && (source[k] !== '' || k === 'PORT_ALIASES'))
      .map((k) => [k, source[k]]),
  );
  const environment = plainToInstance(Environment, given, { exposeDefaultValues: true });
  const problems = validateSync(environment, { skipMissingProperties: false }).map(
    (e) => `${e.property}: ${Object.values(e.constraints ?? {}).join(', ')}`,
  );
  if (environment.production) {
    for (const name of ['JWT_SECRET', 'ENCRYPTION_KEY'] as const)
      if (!environment[name]) problems.push(`${name}: must be set in production (32 characters or more)`);
  }
  if (problems.length)
    throw new EnvironmentError(`The environment is not valid.\n  ${problems.join('\n  ')}`);
  return environment;
}

/** Names without a default: class fields that are never assigned do not exist on an instance. */
const OPTIONAL_NAMES = [
  'HOST',
  'DATABASE_URL',
  'REDIS_URL',
  'JWT_SECRET',
  'ENCRYPTION_KEY',
  'ADMIN_PASSWORD',
  'STRIPE_SECRET_KEY',
  'STRIPE_API_BASE',
  'DASK_BRIDGE_URL',
  'DASK_BRIDGE_TOKEN',
  'PUBLIC_URL',
  'ALERT_WEBHOOK_TOKEN',
  'SMTP_URL',
  'SLACK_WEBHOOK_URL',
  'NOTIFY_WEBHOOK_URL',
  'NOTIFY_WEBHOOK_SECRET',
  'BACKUP_TARGET',
  'S3_ENDPOINT',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'NODE_NAME',
  'ACME_DIRECTORY_URL',
  'ACME_EMAIL',
];
