import { type LoggerService } from '@nestjs/common';
import { inspect } from 'node:util';

/** Keeps every log line of every level, with all that hangs on what was logged. */
export class RecordingLogger implements LoggerService {
  readonly lines: string[] = [];

  log = this.record('info');
  error = this.record('error');
  warn = this.record('warn');
  debug = this.record('debug');
  verbose = this.record('trace');
  fatal = this.record('fatal');

  find(text: string): string[] {
    return this.lines.filter((line) => line.includes(text));
  }

  private record(level: string): (...message: unknown[]) => void {
    return (...message) => {
      this.lines.push(
        `${level} ${inspect(message, { depth: Infinity, breakLength: Infinity, maxStringLength: null })}`,
      );
    };
  }
}
