import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, type LoggerService, Module, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../config/app-config.js';
import { ConfigModule } from '../config/config.module.js';
import { MetricsModule } from '../metrics/metrics.module.js';
import { OperatorModule } from '../operator/operator.module.js';
import { type CommandResult, OnionCommand, SUCCESS } from './onion-command.decorator.js';
import { OnionKeyService } from './onion-key.service.js';
import { OnionModule } from './onion.module.js';
import { generateKeyPair } from './protocol/key-agreement.js';
import { type OnionVersion, openReply, sealRequest, type SealRequestOptions } from './protocol/onion-client.js';
import { encodeOuterBody } from './protocol/outer-body.js';

@Injectable()
class Greeter {
  private readonly greeting = 'Hello';

  @OnionCommand('greet', z.object({ name: z.string({ error: 'Missing parameter' }) }))
  greet({ name }: { name: string }): CommandResult {
    return { code: 1, message: `${this.greeting} ${name}` };
  }

  @OnionCommand('greet_later', z.object({}))
  async greetLater(): Promise<CommandResult> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return SUCCESS;
  }

  @OnionCommand('find', z.object({}))
  find(): CommandResult {
    return { code: 0, message: 'Session id was not registered before.' };
  }

  @OnionCommand('break', z.object({ secret: z.string() }))
  async break({ secret }: { secret: string }): Promise<CommandResult> {
    await Promise.resolve();
    throw Object.assign(new Error('The disk is full'), { code: 'ENOSPC', parameters: [secret] });
  }

  notACommand(): void {}
}

@Injectable()
class Impostor {
  @OnionCommand('greet', z.object({}))
  welcome(): CommandResult {
    return SUCCESS;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'onion-module-'));
const config = parseConfig({ ONION_PRIVATE_KEY_FILE: join(folder, 'key') });
const lines: unknown[][] = [];
const record = (...line: unknown[]) => void lines.push(line);
const logger: LoggerService = { log: record, error: record, warn: record, debug: record, verbose: record };

async function start(providers: Provider[]): Promise<NestFastifyApplication> {
  @Module({ imports: [ConfigModule.forRoot(config), OperatorModule, MetricsModule, OnionModule], providers })
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
    app = await start([Greeter, { provide: 'the same instance', useExisting: Greeter }]);
    serverPublicKey = app.get(OnionKeyService).keyPair.publicKey;
  });
  afterAll(() => app.close());

  const post = (url: string, payload?: Buffer, contentType = 'application/octet-stream') =>
    app.inject({ method: 'POST', url, payload, headers: { 'content-type': contentType } });
  async function ask(options: Omit<SealRequestOptions, 'serverPublicKey'>) {
    const { path, body, context } = sealRequest({ ...options, serverPublicKey });
    const response = await post(path, body);
    expect(response.statusCode).toBe(200);
    return openReply(context, response.rawPayload);
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
