import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { NEST_OPTIONS, openAdapter, prepare } from '../../src/app.factory.js';
import { AppModule } from '../../src/app.module.js';
import { parseConfig } from '../../src/config/app-config.js';
import { Device } from '../../src/devices/device.entity.js';
import { DEFAULT_DELIVERY_TUNING, DeliveryTuning } from '../../src/delivery/delivery-tuning.js';
import { TransportOptions } from '../../src/providers/provider-definitions.js';
import { NotificationQueue } from '../../src/delivery/queue/notification-queue.js';
import { QueuedNotification } from '../../src/delivery/queue/queued-notification.entity.js';
import { type JsonObject } from '../../src/encoding/json.js';
import { type OnionReply } from '../../src/onion/protocol/onion-client.js';
import { createKeyPair } from '../../src/onion/onion-key.file.js';
import { OnionKeyService } from '../../src/onion/onion-key.service.js';
import { DEFAULT_NETWORK_ALERTS_TUNING, NetworkAlertsTuning } from '../../src/swarms/status/network-alerts.js';
import { OwnKeys } from '../../src/swarms/lines/node-connection.js';
import { DEFAULT_MONITOR_TUNING, MonitorOptions } from '../../src/swarms/watch/swarm-monitor.service.js';
import { DEFAULT_WATCH_TUNING, type WatchTuning } from '../../src/swarms/watch/swarm-watch.js';
import { Sealing } from '../../src/sealing/sealing.js';
import { type TestDatabases } from './databases.js';
import { startGateways, type TestGateways } from './gateways.js';
import { OnionHttpClient, type OnionOptions } from './onion-http.js';
import { RecordingLogger } from './recording-logger.js';

/** The times of delivery, shortened so that a test sees a retry within a second. */
const QUICK: Partial<DeliveryTuning> = {
  pollMs: 20,
  retryBaseMs: 50,
  retryMaxMs: 200,
  pauseScale: 0.001,
  breakerBaseMs: 50,
  breakerMaxMs: 200,
  removalHoldMs: 100,
};

/** The operator of the servers under test. */
export const OPERATOR = { username: 'operator', password: 'correct horse battery staple' };

export interface TestServerOptions {
  /** Its DATABASE_URL. */
  database: string;
  gateways: TestGateways;
  tuning?: Partial<DeliveryTuning>;
  transports?: TransportOptions;
  networkAlerts?: NetworkAlertsTuning;
  /** How the nodes of a swarm are told of its accounts. */
  watch?: Partial<WatchTuning>;
  /** Variables on top; an empty text unsets one. */
  env?: Record<string, string>;
}

/** The real application in this process, on a free port of the loopback. */
export class TestServer {
  app: NestFastifyApplication;
  onion: OnionHttpClient;
  readonly log = new RecordingLogger();
  private readonly folder = mkdtempSync(join(tmpdir(), 'spns-server-'));

  private constructor(private readonly options: TestServerOptions) {}

  static async start(options: TestServerOptions): Promise<TestServer> {
    const server = new TestServer(options);
    await server.open();
    return server;
  }

  get url(): string {
    return this.onion.url;
  }

  /** Its DATABASE_URL. */
  get database(): string {
    return this.options.database;
  }

  get dataSource(): DataSource {
    return this.app.get(DataSource);
  }

  /** Sends as a version 4 app does, unless told otherwise. */
  send(endpoint: string, args: JsonObject | string, options?: OnionOptions): Promise<OnionReply> {
    return this.onion.send(endpoint, args, options);
  }

  /** Registers a device; its platform follows from the token when it is not named. */
  async register(pubKey: string, token: string, device?: string): Promise<void> {
    const { body } = await this.send('register', { pubKey, token, ...(device === undefined ? {} : { device }) });
    if (body['code'] !== 1) throw new Error(`register was answered with ${JSON.stringify(body)}`);
  }

  async notify(recipient: string, data: string): Promise<void> {
    const { body } = await this.send('notify', { send_to: recipient, data });
    if (body['code'] !== 1) throw new Error(`notify was answered with ${JSON.stringify(body)}`);
  }

  /**
   * Ends when nothing is left in the queue: every accepted notification has reached its end.
   *
   * Seen twice: the depth is read in several statements, and what is put off meanwhile can be behind one and before the other.
   */
  async idle(timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (let wasEmpty = false; ;) {
      const lanes = await this.app.get(NotificationQueue).depth();
      const left = lanes.reduce((sum, { count }) => sum + count, 0);
      if (left === 0 && wasEmpty) return;
      wasEmpty = left === 0;
      if (Date.now() > deadline) throw new Error(`${left} items are still in the queue: ${this.log.lines.join('\n')}`);
      await sleep(20);
    }
  }

  /** What the embedded queue holds. */
  queued(): Promise<QueuedNotification[]> {
    return this.dataSource.getRepository(QueuedNotification).find();
  }

  /** What is stored about a token; null = nothing. */
  device(token: string): Promise<Device | null> {
    return this.dataSource.getRepository(Device).findOneBy({ token: this.app.get(Sealing).token(token) });
  }

  /** A stop and a start on the same database, key and gateways, possibly with other variables. */
  async restart(env: Record<string, string> = {}): Promise<void> {
    await this.app.close();
    await this.open(env);
  }

  async close(): Promise<void> {
    await this.app.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The start alone: after the constructor, or after `app.close()`. */
  async open(env: Record<string, string> = {}): Promise<void> {
    const { database, gateways, tuning, transports, networkAlerts, watch } = this.options;
    const keyFile = join(this.folder, 'x25519-priv.pem');
    if (!existsSync(keyFile)) createKeyPair(keyFile);
    const config = parseConfig({
      ...gateways.environment,
      STATISTICS_USERNAME: OPERATOR.username,
      STATISTICS_PASSWORD: OPERATOR.password,
      // Of its own: another server's stand-in network is not to be in it.
      NODE_LIST_FILE: join(this.folder, 'node-list.json'),
      ...this.options.env,
      ...env,
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'trace',
      DATABASE_URL: database,
      ONION_PRIVATE_KEY_FILE: keyFile,
    });
    const module = await Test.createTestingModule({ imports: [await AppModule.forRoot(config)] })
      .setLogger(this.log)
      .overrideProvider(DeliveryTuning)
      .useValue({ ...DEFAULT_DELIVERY_TUNING, ...QUICK, ...tuning })
      .overrideProvider(TransportOptions)
      .useValue(transports ?? {})
      .overrideProvider(NetworkAlertsTuning)
      .useValue(networkAlerts ?? DEFAULT_NETWORK_ALERTS_TUNING)
      .overrideProvider(MonitorOptions)
      .useFactory({
        inject: [OwnKeys],
        factory: (own: OwnKeys): MonitorOptions => ({
          own,
          tuning: { ...DEFAULT_MONITOR_TUNING, watch: { ...DEFAULT_WATCH_TUNING, ...watch } },
        }),
      })
      .compile();
    this.app = prepare(
      module.createNestApplication<NestFastifyApplication>(openAdapter(), { ...NEST_OPTIONS, logger: this.log }),
    );
    await this.app.listen(0, '127.0.0.1');
    this.onion = new OnionHttpClient(await this.app.getUrl(), this.app.get(OnionKeyService).publicKeyHex);
  }
}

export interface ServerSuite {
  readonly server: TestServer;
  readonly gateways: TestGateways;
}

/** One server with its gateways for a whole suite. The gateways forget after each test what it did to them. */
export function useServer(
  databases: TestDatabases,
  options: Pick<TestServerOptions, 'tuning' | 'transports' | 'env'> = {},
): ServerSuite {
  const suite: { server?: TestServer; gateways?: TestGateways } = {};
  beforeAll(async () => {
    suite.gateways = await startGateways();
    suite.server = await TestServer.start({ ...options, database: await databases.create(), gateways: suite.gateways });
  });
  afterEach(async () => {
    await suite.server?.idle();
    await suite.gateways?.reset();
  });
  afterAll(async () => {
    await suite.server?.close();
    await suite.gateways?.close();
  });
  return {
    get server() {
      if (!suite.server) throw new Error('The server is not started yet.');
      return suite.server;
    },
    get gateways() {
      if (!suite.gateways) throw new Error('The gateways are not started yet.');
      return suite.gateways;
    },
  };
}
