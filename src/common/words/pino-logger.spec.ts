import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type LogLevel } from '../../config/environment.js';
import { PinoLogger } from './pino-logger.js';

describe('PinoLogger', () => {
  const standardOutput = Object.getOwnPropertyDescriptor(process.stdout, 'fd');
  const folder = mkdtempSync(join(tmpdir(), 'spns-log-'));
  const file = join(folder, 'log');
  const fd = openSync(file, 'a');

  beforeAll(() => {
    Object.defineProperty(process.stdout, 'fd', { value: fd, configurable: true });
  });

  afterAll(() => {
    if (standardOutput) Object.defineProperty(process.stdout, 'fd', standardOutput);
    else Reflect.deleteProperty(process.stdout, 'fd');
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  /** What a logger of that level writes to standard output, without time and process id. */
  const written = async (level: LogLevel, use: (logger: PinoLogger) => void): Promise<Record<string, unknown>[]> => {
    const logger = PinoLogger.create(level);
    const before = readFileSync(file, 'utf8').length;
    use(logger);
    logger.error('the end');
    const lines = await vi.waitFor(() => {
      const text = readFileSync(file, 'utf8').slice(before);
      expect(text).toMatch(/"the end"}\n$/);
      return text.split('\n').slice(0, -2);
    }, 10_000);
    return lines.map((line) => {
      const { time, pid, ...fields } = JSON.parse(line) as Record<string, unknown>;
      expect(time).toBeTypeOf('number');
      expect(pid).toBe(process.pid);
      return fields;
    });
  };

  it('writes one JSON line per event, at the level of the call', async () => {
    const lines = await written('trace', (logger) => {
      logger.verbose('v', 'Context');
      logger.debug('d', 'Context');
      logger.log('l', 'Context');
      logger.warn('w', 'Context');
      logger.error('e', 'Context');
      logger.fatal('f', 'Context');
    });
    // A fatal event is flushed at once and may overtake the others.
    const byLevel = lines.toSorted((one, other) => Number(one.level) - Number(other.level));
    expect(byLevel).toEqual(
      Object.entries({ v: 10, d: 20, l: 30, w: 40, e: 50, f: 60 }).map(([msg, level]) => ({
        level,
        context: 'Context',
        msg,
      })),
    );
  });

  it('writes the fields of an object', async () => {
    const lines = await written('info', (logger) => logger.log({ msg: 'listening', port: 3000 }, 'Server'));
    expect(lines).toEqual([{ level: 30, context: 'Server', msg: 'listening', port: 3000 }]);
  });

  it('does without a context', async () => {
    expect(await written('info', (logger) => logger.log('stopped'))).toEqual([{ level: 30, msg: 'stopped' }]);
  });

  it('describes an error instead of printing what hangs on it', async () => {
    const error = Object.assign(new Error('broken'), { code: 'EIO', parameters: ['05secret'] });
    const [line] = await written('info', (logger) => logger.error(error, 'Worker'));
    expect(line).toMatchObject({ msg: 'unexpected error', error: { type: 'Error', code: 'EIO', message: 'broken' } });
    expect(JSON.stringify(line)).not.toContain('05secret');
  });

  it('is readable when that is wanted: time, level, message, and the fields behind it', async () => {
    const logger = PinoLogger.create('info', 'readable');
    const before = readFileSync(file, 'utf8').length;
    logger.warn({ msg: 'provider is not configured', provider: 'fcm' }, 'Context');
    logger.log('listening\n    address    http://127.0.0.1:3000');
    const text = await vi.waitFor(() => {
      const said = readFileSync(file, 'utf8').slice(before);
      expect(said).toContain('3000');
      return said;
    }, 10_000);
    expect(text).toMatch(
      /^\[\d\d:\d\d:\d\d\] WARN: provider is not configured \{"provider":"fcm"\}\n\[.*\] INFO: listening\n {4}address {4}http:.*\n$/,
    );
    expect(logger.isReadable).toBe(true);
  });

  it('is for machines when nobody looks', () => {
    expect(PinoLogger.create('info', 'auto').isReadable).toBe(process.stdout.isTTY);
    expect(PinoLogger.create('info', 'json').isReadable).toBe(false);
  });

  it('leaves what ends the start to the one who says it in a sentence', async () => {
    expect(await written('info', (logger) => logger.error(new Error('broken'), 'ExceptionHandler'))).toEqual([]);
    expect(await written('debug', (logger) => logger.error(new Error('broken'), 'ExceptionHandler'))).toHaveLength(1);
  });

  it('leaves out what is below its level', async () => {
    expect(await written('warn', (logger) => logger.log('x'))).toEqual([]);
  });

  it("keeps the framework's tour of modules and routes for developers", async () => {
    expect(await written('info', (logger) => logger.log('Mapped {/x, POST} route', 'RouterExplorer'))).toEqual([]);
    expect(await written('debug', (logger) => logger.log('Mapped {/x, POST} route', 'RouterExplorer'))).toHaveLength(1);
  });
});
