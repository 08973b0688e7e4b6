import { type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { ClientGoneFilter } from './common/words/client-gone.filter.js';
import { ConnectionLimit } from './common/bounds/connection-limit.js';
import { PinoLogger } from './common/words/pino-logger.js';
import { type AppConfig } from './config/app-config.js';
import { type Duties } from './config/duties.js';
import { guardPagesOf } from './dashboard/page-headers.js';
import { MetricsService } from './metrics/metrics.service.js';
import { OperatorListener } from './operator/operator-listener.js';
import { BodyReader } from './server/body-reader.js';

/**
 * A `subscribe` for several hundred groups, the largest real request, fills half of the longest. Real ones have a few
 * kilobytes, so the budget holds one for each of the most connections.
 */
const BODIES = { maxBytes: 1024 * 1024, budgetBytes: 64 * 1024 * 1024 };

/** A service node gives up after 25 s, so it does not wait for the answer to a request that is not complete by then. */
const REQUEST_TIMEOUT_MS = 20_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** What is still being sent at a stop has this long: of the time that a stop may take, delivery needs the most. */
const FINISH_REQUEST_MS = 750;
/**
 * Service nodes share few connections, a proxy fewer; an idle one costs about 20 KB. It is kept for longer than nginx
 * (60 s), Traefik (90 s) and Caddy (120 s) do by default, so that the proxy closes first.
 */
const CONNECTIONS = { max: 5000, keepAliveMs: 130_000, shortKeepAliveMs: 5000 };

export interface AppOptions {
  logger?: LoggerService;
  /** What this process does; everything that the configured role has, unless it is one of several. */
  duties?: Duties;
}

/** Makes the application, ready to listen. The server and the tests use it. */
export async function createApp(config: AppConfig, options: AppOptions = {}): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    await AppModule.forRoot(config, options.duties),
    openAdapter(),
    { logger: options.logger ?? PinoLogger.create(config.logLevel, config.logFormat), ...NEST_OPTIONS },
  );
  return prepare(app);
}

/** {@link prepare} installs the reader of bodies; a failed start is reported by the caller, not by Nest. */
export const NEST_OPTIONS = { bodyParser: false, abortOnError: false } as const;

export function openAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    // What arrives on an open connection during a stop is answered like any other request.
    return503OnClosing: false,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 2000 },
  });
}

/** What concerns the application as a whole. */
export function prepare(app: NestFastifyApplication): NestFastifyApplication {
  const overloaded = (what: 'body' | 'connection') => (): void => app.get(MetricsService).overloaded(what);
  new BodyReader(BODIES, overloaded('body')).install(app.getHttpAdapter().getInstance());
  const connections = ConnectionLimit.apply(app.getHttpServer(), CONNECTIONS, overloaded('connection'));
  const fastify = app.getHttpAdapter().getInstance();
  app.get(OperatorListener).guardRoutesOf(fastify);
  guardPagesOf(fastify);
  fastify.addHook('preClose', (done: () => void) => {
    setTimeout(() => connections.closeUnfinished(), FINISH_REQUEST_MS).unref();
    done();
  });
  app.useGlobalFilters(new ClientGoneFilter(app.getHttpAdapter()));
  return app;
}
