import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Injectable, type LoggerService, Module, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../config/app-config.js';
import { ConfigModule } from '../config/config.module.js';
import { Registrations } from '../database/registrations.js';
import { MetricsModule } from '../metrics/metrics.module.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { OperatorModule } from '../operator/operator.module.js';
import { LegacyCommand, type LegacyResult, SUCCESS } from './legacy-command.decorator.js';
import { OnionCommand, TRY_AGAIN, type TryAgain } from './onion-command.decorator.js';
import { createKeyPair } from './onion-key.file.js';
import { OnionKeyService } from './onion-key.service.js';
import { OnionModule } from './onion.module.js';
import { OnionService } from './onion.service.js';
import { envelopeV4 } from './protocol/envelope-v4.js';
import { generateKeyPair } from './protocol/key-agreement.js';
import {
  type OnionVersion,
  openJsonReply,
  openReply,
  sealRequest,
  type SealRequestOptions,
} from './protocol/onion-client.js';
import { encodeOuterBody } from './protocol/outer-body.js';

@Injectable()
class Greeter {
  private readonly greeting = 'Hello';

  @LegacyCommand('greet', z.object({ name: z.string({ error: 'Missing parameter' }) }))
  greet({ name }: { name: string }): LegacyResult {
    return { code: 1, message: `${this.greeting} ${name}` };
  }

  @LegacyCommand('greet_later', z.object({}))
  async greetLater(): Promise<LegacyResult> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return SUCCESS;
  }

  @LegacyCommand('find', z.object({}))
  find(): LegacyResult {
    return { code: 0, message: 'Session id was not registered before.' };
  }

  @LegacyCommand('break', z.object({ secret: z.string() }))
  async break({ secret }: { secret: string }): Promise<LegacyResult> {
    await Promise.resolve();
    throw Object.assign(new Error('The disk is full'), { code: 'ENOSPC', parameters: [secret] });
  }

  notACommand(): void {}
}

@Injectable()
class Impostor {
  @LegacyCommand('greet', z.object({}))
  welcome(): LegacyResult {
    return SUCCESS;
  }
}

const count = z.object({ count: z.number({ error: 'count must be a number' }) });
const counts = z.union([count, z.array(count)], { error: 'counts must be numbers' });

/** A family of its own: version 4 only, objects or arrays in, any JSON out, errors in its own words. */
@Injectable()
class Counter {
  /** What the database does to the method `away`. */
  trouble: () => Promise<number> = () => Promise.resolve(0);

  @OnionCommand({
    name: 'double',
    versions: ['v4'],
    takes: 'object-or-array',
    schema: counts,
    refuse: (problem) => ({
      status: 200,
      body: { error: problem.kind === 'arguments' ? problem.message : problem.kind },
    }),
  })
  double(asked: z.infer<typeof counts>): number | number[] {
    return Array.isArray(asked) ? asked.map((one) => one.count * 2) : asked.count * 2;
  }

  @OnionCommand({
    name: 'not_yet',
    versions: ['v4'],
    schema: z.object({}),
    refuse: () => ({ status: 400, body: null }),
    later: { status: 503, body: { error: 3 } },
  })
  notYet(): TryAgain {
    return TRY_AGAIN;
  }

  @OnionCommand({
    name: 'away',
    versions: ['v4'],
    schema: z.object({}),
    refuse: () => ({ status: 400, body: null }),
    succeeded: (reply: number | null) => reply !== 7,
  })
  away(): Promise<number> {
    return this.trouble();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'onion-module-'));
const config = parseConfig({ ONION_PRIVATE_KEY_FILE: join(folder, 'key') });
createKeyPair(config.onionPrivateKeyFile);
const lines: unknown[][] = [];
const record = (...line: unknown[]) => void lines.push(line);
const logger: LoggerService = { log: record, error: record, warn: record, debug: record, verbose: record };

/** Nobody asks it: there is a key. */
@Global()
@Module({ providers: [{ provide: Registrations, useValue: null }], exports: [Registrations] })
class NoDatabaseModule {}

async function start(providers: Provider[]): Promise<NestFastifyApplication> {
  @Module({
    imports: [ConfigModule.forRoot(config), NoDatabaseModule, OperatorModule, MetricsModule, OnionModule],
    providers,
  })
  class TestModule {}
  const app = await NestFactory.create<NestFastifyApplication>(TestModule, new FastifyAdapter(), {
    abortOnError: false,
    bodyParser: false,
    logger,
  });
  const parser = app.getHttpAdapter().getInstance();
  parser.removeAllContentTypeParsers();
  parser.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  await app.init();
  await parser.ready();
  return app;
}

afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => lines.splice(0));

describe('onion requests over HTTP', () => {
  let app: NestFastifyApplication;
  let serverPublicKey: Buffer;
  beforeAll(async () => {
    app = await start([Greeter, { provide: 'the same instance', useExisting: Greeter }, Counter]);
    serverPublicKey = app.get(OnionKeyService).keyPair.publicKey;
  });
  afterAll(() => app.close());

  const post = (url: string, payload?: Buffer, contentType = 'application/octet-stream') =>
    app.inject({ method: 'POST', url, payload, headers: { 'content-type': contentType } });
  async function exchange(options: Omit<SealRequestOptions, 'serverPublicKey'>) {
    const { path, body, context } = sealRequest({ ...options, serverPublicKey });
    const response = await post(path, body);
    expect(response.statusCode).toBe(200);
    return { context, body: response.rawPayload };
  }
  async function ask(options: Omit<SealRequestOptions, 'serverPublicKey'>) {
    const { context, body } = await exchange(options);
    return openReply(context, body);
  }

  describe.each<{ version: OnionVersion; encType?: 'aes-gcm' }>([
    { version: 'v2' },
    { version: 'v4' },
    { version: 'v4', encType: 'aes-gcm' },
  ])('$version $encType', (kind) => {
    it('answers what the command answers', async () => {
      expect(await ask({ ...kind, endpoint: 'greet', args: { name: 'Zo\u00eb' } })).toEqual({
        status: 200,
        body: { code: 1, message: 'Hello Zo\u00eb' },
      });
      expect(await ask({ ...kind, endpoint: 'greet_later', args: {} })).toEqual({ status: 200, body: SUCCESS });
      expect(await ask({ ...kind, endpoint: 'find', args: {} })).toEqual({
        status: 200,
        body: { code: 0, message: 'Session id was not registered before.' },
      });
    });

    it("answers 400 with the schema's first message", async () => {
      expect(await ask({ ...kind, endpoint: 'greet', args: { name: 7 } })).toEqual({
        status: 400,
        body: { code: 0, message: 'Missing parameter' },
      });
    });

    it.each(['nope', 'notACommand', 'constructor', 'Greet', 'greet/', '//greet', ''])(
      'answers 400 to the unknown command %j and keeps it out of the log',
      async (endpoint) => {
        expect(await ask({ ...kind, endpoint, args: {} })).toEqual({
          status: 400,
          body: { code: 0, message: 'Unknown command' },
        });
        expect(lines).toEqual([]);
      },
    );

    it('answers 400 to a body that is no object', async () => {
      expect(await ask({ ...kind, endpoint: 'greet', args: 'null' })).toEqual({
        status: 400,
        body: { code: 0, message: 'Invalid request: the body must be a JSON object' },
      });
    });

    it('answers 500 when the command fails and logs one line without its arguments', async () => {
      // An error that comes again within a second is counted with the next line.
      await sleep(1100);
      expect(await ask({ ...kind, endpoint: 'break', args: { secret: 'do-not-log' } })).toEqual({
        status: 500,
        body: { code: 0, message: 'The server could not do this now, try again later' },
      });
      expect(lines).toHaveLength(1);
      expect(lines[0]?.[0]).toMatchObject({ command: 'break', error: { code: 'ENOSPC' } });
      expect(JSON.stringify(lines)).not.toContain('do-not-log');
    });

    it('refuses what it cannot open with 400 and nothing else', async () => {
      const stranger = sealRequest({
        ...kind,
        serverPublicKey,
        endpoint: 'greet',
        args: {},
        outer: { ephemeral_key: 7 },
      });
      for (const body of [undefined, Buffer.alloc(0), Buffer.alloc(3), Buffer.from('hello world'), stranger.body]) {
        const response = await post(stranger.path, body);
        expect(response.statusCode).toBe(400);
        expect(response.rawPayload).toHaveLength(0);
        expect(response.headers['content-length']).toBe('0');
        expect(response.headers['content-type']).toBeUndefined();
      }
      expect(lines).toEqual([]);
    });

    it.each(['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'])(
      'reads a body that is called %s',
      async (contentType) => {
        const { path, body } = sealRequest({ ...kind, serverPublicKey, endpoint: 'greet_later', args: {} });
        expect((await post(path, body, contentType)).statusCode).toBe(200);
      },
    );
  });

  describe('a command of version 4 only', () => {
    const askV4 = async (endpoint: string, args: SealRequestOptions['args']) => {
      const { context, body } = await exchange({ version: 'v4', endpoint, args });
      return openJsonReply(context, body);
    };
    const counted = async (result: string) =>
      (await app.get(MetricsService).registry.metrics())
        .split('\n')
        .find((line) => line.startsWith(`session_push_commands_total{command="away",result="${result}"}`))
        ?.split(' ')[1];

    it('takes an object or an array and answers with JSON of its own', async () => {
      expect(await askV4('/double', { count: 4 })).toEqual({ status: 200, body: 8 });
      expect(await askV4('/double', [{ count: 1 }, { count: 2 }])).toEqual({ status: 200, body: [2, 4] });
      expect(await askV4('/double', [])).toEqual({ status: 200, body: [] });
    });

    it.each([
      ['no body', '', 'body-missing'],
      ['a body that is no JSON', '[{', 'not-json'],
      ['a body that is a scalar', '7', 'wrong-form'],
      ['an array of something else than objects', '[{"count":1},[]]', 'wrong-form'],
      ['arguments of another type', '[{"count":"1"}]', 'counts must be numbers'],
    ])('words its own refusal of %s', async (_what, args, error) => {
      expect(await askV4('/double', args)).toEqual({ status: 200, body: { error } });
    });

    it('gets no array when it takes objects only', async () => {
      expect(await askV4('/not_yet', '[{}]')).toEqual({ status: 400, body: null });
    });

    it('is unknown to version 2', async () => {
      expect(await ask({ version: 'v2', endpoint: 'double', args: { count: 4 } })).toEqual({
        status: 400,
        body: { code: 0, message: 'Unknown command' },
      });
      expect(await ask({ version: 'v2', endpoint: 'double', args: [{ count: 4 }] })).toEqual({
        status: 400,
        body: { code: 0, message: 'Invalid request: the body must be a JSON object' },
      });
    });

    it('asks to try again in its own words, which is nothing for the log', async () => {
      expect(await askV4('/not_yet', {})).toEqual({ status: 503, body: { error: 3 } });
      expect(lines).toEqual([]);
    });

    it('answers 503 when it fails, and logs it', async () => {
      app.get(Counter).trouble = () => Promise.reject(new Error('The database is away'));
      expect(await askV4('/away', {})).toEqual({
        status: 503,
        body: { message: 'The server could not do this now, try again later' },
      });
      expect(lines[0]?.[0]).toMatchObject({ command: 'away' });
      expect(await counted('failed')).toBe('1');
    });

    it('answers 503 after twenty seconds, whatever hangs', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const asked = new Promise<void>((resolve) => {
          app.get(Counter).trouble = () => {
            resolve();
            return new Promise(() => {});
          };
        });
        const answer = askV4('/away', {});
        await asked;
        await vi.advanceTimersByTimeAsync(20_000);
        expect((await answer).status).toBe(503);
      } finally {
        vi.useRealTimers();
      }
    });

    it('answers 503 five seconds later, when its request arrived fifteen seconds ago', async () => {
      app.get(Counter).trouble = () => new Promise(() => {});
      const { body, context } = sealRequest({ version: 'v4', endpoint: '/away', args: {}, serverPublicKey });
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        let isAnswered = false;
        const asked = app.get(OnionService).answer(envelopeV4, body, 15_000);
        void asked.then(() => (isAnswered = true));
        await vi.advanceTimersByTimeAsync(4999);
        expect(isAnswered).toBe(false);
        await vi.advanceTimersByTimeAsync(1);
        const answer = await asked;
        if (answer.kind !== 'sealed') throw new Error(answer.reason);
        expect(openJsonReply(context, answer.body).status).toBe(503);
      } finally {
        vi.useRealTimers();
      }
    });

    it('says itself which of its replies are successes', async () => {
      app.get(Counter).trouble = () => Promise.resolve(7);
      expect(await askV4('/away', {})).toEqual({ status: 200, body: 7 });
      expect([await counted('done'), await counted('declined')]).toEqual(['0', '1']);
    });
  });

  it('takes one slash before the command on version 4 and none on version 2', async () => {
    expect((await ask({ version: 'v4', endpoint: '/find', args: {} })).status).toBe(200);
    expect((await ask({ version: 'v2', endpoint: '/find', args: {} })).body['message']).toBe('Unknown command');
  });

  it('marks version 4 as bytes and version 2 as JSON with one newline at its end', async () => {
    const v4 = sealRequest({ version: 'v4', serverPublicKey, endpoint: 'find', args: {} });
    expect((await post(v4.path, v4.body)).headers['content-type']).toBe('application/octet-stream');
    const v2 = sealRequest({ version: 'v2', serverPublicKey, endpoint: 'find', args: {} });
    const response = await post(v2.path, v2.body);
    expect(response.headers['content-type']).toBe('application/json');
    expect(response.payload).toMatch(/^\{"result":"[A-Za-z0-9+/]+=*"\}\n$/);
  });

  it('seals a 400 for what it cannot decrypt on version 2, where a client may have used another cipher', async () => {
    const keyPair = generateKeyPair();
    const { path, context } = sealRequest({ version: 'v2', serverPublicKey, endpoint: 'find', args: {}, keyPair });
    const body = encodeOuterBody(Buffer.alloc(60), { ephemeral_key: keyPair.publicKey.toString('hex') });
    const response = await post(path, body);
    expect(response.statusCode).toBe(200);
    expect(openReply(context, response.rawPayload)).toEqual({ status: 400, body: { code: 0, message: '' } });
  });

  it('has no other doors', async () => {
    expect((await post('/loki/v3/lsrpc')).statusCode).toBe(404);
    expect((await post('/oxen/v4/lsrpc/')).statusCode).toBe(404);
    expect((await app.inject({ method: 'GET', url: '/oxen/v4/lsrpc' })).statusCode).toBe(404);
  });
});

describe('starting', () => {
  it('stops when two methods take one command name, and names both', async () => {
    await expect(start([Greeter, Impostor])).rejects.toThrow(
      'The onion command "greet" has two methods: Greeter.greet and Impostor.welcome',
    );
  });
});
