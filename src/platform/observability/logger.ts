import { EventEmitter } from 'node:events';
import type { LoggerService } from '@nestjs/common';
import { type Logger as Pino, pino } from 'pino';
import { requestContext } from '../http/request-context.js';

export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One line of the program's own log. */
export interface LogLine {
  at: Date;
  level: LogLevel;
  component: string;
  message: string;
  requestId: string | null;
}

const lines = new EventEmitter().setMaxListeners(0);

/** Calls `listener` for each line at or above the current level. The function returned ends that. */
export function onLogLine(listener: (line: LogLine) => void): () => void {
  lines.on('line', listener);
  return () => lines.off('line', listener);
}

/** Nest's own account of its start: a hundred lines that say nothing when all is well. */
const START_UP = new Set([
  'NestFactory',
  'InstanceLoader',
  'RouterExplorer',
  'RoutesResolver',
  'NestApplication',
]);

type PinoLevel = 'debug' | 'info' | 'warn' | 'error';
const LEVEL_OF: Record<PinoLevel, LogLevel> = {
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
};
const PINO_OF: Record<LogLevel, PinoLevel> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARNING: 'warn',
  ERROR: 'error',
};

/** Structured log: one JSON object a line on standard output, with component and request id. */
export class AppLogger implements LoggerService {
  private readonly pino: Pino;

  constructor(level: string, destination?: { write(line: string): void }) {
    const options = {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    this.pino = destination ? pino(options, destination) : pino(options);
  }

  /** In effect at once, for every component. */
  setLevel(level: LogLevel): void {
    this.pino.level = PINO_OF[level];
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  /** Nest passes the component last; before it there may be an error or its stack. */
  private write(level: PinoLevel, message: unknown, rest: unknown[]): void {
    const component = typeof rest.at(-1) === 'string' ? (rest.at(-1) as string) : 'system';
    if (level === 'info' && START_UP.has(component)) return;
    if (!this.pino.isLevelEnabled(level)) return;
    const error = [message, ...rest].find((r): r is Error => r instanceof Error);
    const requestId = requestContext()?.requestId ?? null;
    const text = message instanceof Error ? message.message : String(message);
    this.pino[level](
      {
        component,
        ...(requestId && { request_id: requestId }),
        ...(error && { error: { message: error.message, stack: error.stack } }),
      },
      text,
    );
    const line: LogLine = {
      at: new Date(),
      level: LEVEL_OF[level],
      component: component.toUpperCase(),
      message: error && error !== message ? `${text}: ${error.message}` : text,
      requestId,
    };
    lines.emit('line', line);
  }
}
