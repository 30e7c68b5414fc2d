/**
 * What a worker's agent and the server say to each other over the agent's outgoing WebSocket: one JSON object a text
 * frame. Unknown members are ignored, so that a newer peer of the same protocol version may add some; an unknown
 * `type`, or a known one with a wrong member, makes the frame invalid.
 *
 * Agent: `hello` first, then `report`s and `command_result`s. Server: `settings` in answer to `hello` (and again when
 * they change), then `command`s. One command has exactly one result, unless the connection ends before it. `hello` and
 * `settings` keep their members in every version, so that peers of different versions can tell each other so.
 */
export const AGENT_PROTOCOL_VERSION = 1;

export const ENROLL_PATH = '/api/workers/enroll';
export const AGENT_SOCKET_PATH = '/api/workers/agent';

/** Largest frame either side accepts, bytes. */
export const MAX_AGENT_FRAME_BYTES = 16 * 1024;

/** Seconds between reports until the server says otherwise. */
export const DEFAULT_REPORT_INTERVAL_SECONDS = 5;

/** WebSocket close codes (private range, RFC 6455 §7.4.2) that tell the agent why the server ended the connection. */
export const AgentCloseCode = {
  invalidFrame: 4400,
  /** The credential is unknown or the worker was forgotten: the agent must enrol again. */
  credentialRefused: 4401,
  /** The same worker connected again; the older connection ends. */
  replaced: 4409,
  /** The server does not speak the version named in `hello`. */
  unsupportedVersion: 4426,
} as const;

const COMMAND_VERBS = ['start', 'stop', 'restart'] as const;
export type CommandVerb = (typeof COMMAND_VERBS)[number];

/**
 * `starting`: spawned, not yet up for the settling time. `backoff`: died, will be started again. `failed`: died too
 * often, is not started again until told. `stopping`: told to end, its process group still has members.
 */
export const PROCESS_STATES = ['starting', 'running', 'stopping', 'stopped', 'backoff', 'failed'] as const;
export type ProcessState = (typeof PROCESS_STATES)[number];

/** The supervised command, as the agent sees it. */
export interface ProcessStatus {
  readonly state: ProcessState;
  /** Process id while one exists, which is also the id of its process group. */
  readonly pid: number | null;
  /** Restarts after a death, since the agent started; those that were asked for do not count. */
  readonly restarts: number;
  /** How the last life ended; both null before the first end. */
  readonly last_exit_code: number | null;
  readonly last_exit_signal: string | null;
  /** Seconds since the running process was spawned; null when none exists. */
  readonly uptime_seconds: number | null;
  /** Why it is in `backoff` or `failed`; null otherwise. */
  readonly error: string | null;
}

export interface GpuFigures {
  readonly name: string;
  /** 0–100; null when the driver does not say. */
  readonly utilization_percent: number | null;
  readonly memory_percent: number | null;
}

/** The worker's machine. A figure that could not be read is null. */
export interface HostFigures {
  /** Mean over all cores since the last report, 0–100. */
  readonly cpu_percent: number | null;
  /** Memory that is not available to new programs, 0–100. */
  readonly memory_percent: number | null;
  /** Empty when the machine has none that reports. */
  readonly gpus: readonly GpuFigures[];
  readonly uptime_seconds: number;
}

export interface HelloFrame {
  readonly type: 'hello';
  readonly protocol: number;
  readonly hostname: string;
  /** `process.platform` of the agent, such as `linux`. */
  readonly platform: string;
  /** Program name of the supervised command. Its arguments stay on the worker: they may hold secrets. */
  readonly command: string;
  readonly process: ProcessStatus;
}

export interface ReportFrame {
  readonly type: 'report';
  /** When the figures were read, ISO 8601 UTC by the worker's clock. */
  readonly at: string;
  /** The agent's end of this connection, as the worker sees it. */
  readonly ip_address: string | null;
  readonly host: HostFigures;
  readonly process: ProcessStatus;
}

export interface CommandResultFrame {
  readonly type: 'command_result';
  readonly id: string;
  /** True only when the command's end state holds: running after start and restart, no process left after stop. */
  readonly ok: boolean;
  readonly process: ProcessStatus;
  readonly error: string | null;
}

export type AgentFrame = HelloFrame | ReportFrame | CommandResultFrame;

interface SettingsFrame {
  readonly type: 'settings';
  readonly protocol: number;
  /** Seconds between reports, 1–3600. */
  readonly interval_seconds: number;
}

export interface CommandFrame {
  readonly type: 'command';
  readonly id: string;
  readonly verb: CommandVerb;
}

export type ServerFrame = SettingsFrame | CommandFrame;

/** Body of `POST` {@link ENROLL_PATH}. */
export interface EnrollRequest {
  /** One-time enrolment token. */
  readonly token: string;
  readonly name: string;
  readonly hostname: string;
  readonly platform: string;
}

export interface EnrollResponse {
  readonly worker_id: string;
  /** Sent as `Authorization: Bearer` on the WebSocket's upgrade request. */
  readonly credential: string;
}

/** Reads a frame from an agent; null when it is not a valid one. */
export function parseAgentFrame(text: string): AgentFrame | null {
  return parseFrame<AgentFrame>(text, { hello: isHello, report: isReport, command_result: isCommandResult });
}

/** Reads a frame from the server; null when it is not a valid one. */
export function parseServerFrame(text: string): ServerFrame | null {
  return parseFrame<ServerFrame>(text, { settings: isSettings, command: isCommand });
}

type Members = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

function parseFrame<T extends { readonly type: string }>(
  text: string,
  shapes: Record<T['type'], (frame: Members) => boolean>,
): T | null {
  const frame = parseObject(text);
  if (frame === null || typeof frame.type !== 'string' || !Object.hasOwn(shapes, frame.type)) return null;
  return shapes[frame.type as T['type']](frame) ? (frame as unknown as T) : null;
}

function parseObject(text: string): Members | null {
  if (Buffer.byteLength(text) > MAX_AGENT_FRAME_BYTES) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText =
  (max: number): Check =>
  (value) =>
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= max &&
    // what a database cannot store as it came
    value.isWellFormed() &&
    !value.includes('\u0000');
const isNumber =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === 'number' && value >= min && value <= max;
const isInteger =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
const isNullOr =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const isOneOf =
  (values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const isTime: Check = (value) =>
  typeof value === 'string' && value.length <= 40 && !Number.isNaN(Date.parse(value));
const isPercent = isNullOr(isNumber(0, 100));
const isSeconds = isNumber(0, Number.MAX_SAFE_INTEGER);
const isCount = isInteger(0, Number.MAX_SAFE_INTEGER);

const shape =
  (members: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(members).every(([name, check]) => check(value[name]));

const isProcessStatus = shape({
  state: isOneOf(PROCESS_STATES),
  pid: isNullOr(isCount),
  restarts: isCount,
  last_exit_code: isNullOr(isInteger(0, 0xffffffff)),
  last_exit_signal: isNullOr(isText(20)),
  uptime_seconds: isNullOr(isSeconds),
  error: isNullOr(isText(500)),
});

const isGpu = shape({ name: isText(200), utilization_percent: isPercent, memory_percent: isPercent });

const isHostFigures = shape({
  cpu_percent: isPercent,
  memory_percent: isPercent,
  gpus: (value) => Array.isArray(value) && value.length <= 16 && value.every(isGpu),
  uptime_seconds: isSeconds,
});

const isHello = shape({
  protocol: isCount,
  hostname: isText(255),
  platform: isText(50),
  command: isText(255),
  process: isProcessStatus,
});

const isReport = shape({
  at: isTime,
  ip_address: isNullOr(isText(45)),
  host: isHostFigures,
  process: isProcessStatus,
});

const isCommandResult = shape({
  id: isText(100),
  ok: isOneOf([true, false]),
  process: isProcessStatus,
  error: isNullOr(isText(500)),
});

const isSettings = shape({ protocol: isCount, interval_seconds: isNumber(1, 3600) });
const isCommand = shape({ id: isText(100), verb: isOneOf(COMMAND_VERBS) });
