import { type LoggerService } from '@nestjs/common';
import { createRequire } from 'node:module';
import { type DestinationStream, type Level, type Logger, pino } from 'pino';
import type * as Pretty from 'pino-pretty';
import { type LogFormat, type LogLevel } from '../../config/environment.js';
import { describeError } from './describe-error.js';

/** Nest tells every module and route at start; that is for developers. */
const FRAMEWORK_CONTEXTS: ReadonlySet<unknown> = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** Nest tells of whatever ends its start, with the stack; the start says it in one sentence. */
const START_FAILURES: ReadonlySet<unknown> = new Set(['ExceptionHandler', 'NestApplication']);

/**
 * Nest's logger on pino: one JSON line per event, or on a terminal one that people read.
 *
 * Callers pass either a text, or `{ msg, ...fields }`. An error is never handed to pino as it is; see
 * {@link describeError}.
 */
export class PinoLogger implements LoggerService {
  private constructor(
    private readonly pino: Logger,
    /** For people, who want a few lines where a machine wants one. */
    readonly isReadable: boolean,
  ) {}

  /**
   * Each line is written before the call returns. Pino's default keeps lines for later, and at the end of the process tries
   * for ever to write what is left to a pipe whose reader is gone.
   */
  static create(level: LogLevel, format: LogFormat = 'json'): PinoLogger {
    const isReadable = format === 'readable' || (format === 'auto' && process.stdout.isTTY);
    const output = pino.destination({ dest: process.stdout.fd, sync: true });
    const lines = isReadable ? readable((text) => output.write(text)) : output;
    return new PinoLogger(pino({ level, base: { pid: process.pid } }, lines), isReadable);
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(FRAMEWORK_CONTEXTS.has(rest.at(-1)) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write(START_FAILURES.has(rest.at(-1)) ? 'debug' : 'error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest appends the context (the class's name) as the last argument. */
  private write(level: Level, message: unknown, rest: unknown[]): void {
    const context = rest.at(-1);
    const fields = typeof context === 'string' ? { context } : {};
    if (message instanceof Error) this.pino[level]({ ...fields, error: describeError(message) }, 'unexpected error');
    else if (typeof message === 'object' && message !== null) this.pino[level]({ ...fields, ...message });
    else this.pino[level](fields, String(message));
  }
}

/** Time, level and message, and behind them the fields; a stack below. */
function readable(write: (text: string) => unknown): DestinationStream {
  // Loaded where it is used, which is on terminals.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof Pretty;
  const format = prettyFactory({
    colorize: process.stdout.isTTY && process.stdout.hasColors(),
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,context',
    singleLine: true,
    errorLikeObjectKeys: ['error'],
  });
  return { write: (line) => void write(format(line)) };
}
