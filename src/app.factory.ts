import { type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { ClientGoneFilter } from './common/client-gone.filter.js';
import { PinoLogger } from './common/pino-logger.js';
import { type AppConfig } from './config/app-config.js';
import { type Duties } from './config/duties.js';
import { type NotificationsOptions } from './notifications/notifications.module.js';

const MAX_BODY_BYTES = 1024 * 1024;

/** A service node gives up after 25 s; a request that is not complete by then is nobody's any more. */
const REQUEST_TIMEOUT_MS = 20_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** Longer than the idle time of usual reverse proxies, so that the proxy closes first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Service nodes share few connections, a proxy fewer; an idle one costs about 20 KB. What comes above is closed at once. */
const MAX_CONNECTIONS = 5000;

export interface AppOptions extends NotificationsOptions {
  logger?: LoggerService;
  /** What this process does; everything that the configured role has, unless it is one of several. */
  duties?: Duties;
}

/** Makes the application, ready to listen. The server and the tests use it. */
export async function createApp(config: AppConfig, options: AppOptions = {}): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    // What arrives on an open connection during a stop is answered like any other request.
    return503OnClosing: false,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 2000 },
  });
  readRawBodies(adapter);
  const app = await NestFactory.create<NestFastifyApplication>(await AppModule.forRoot(config, options), adapter, {
    logger: options.logger ?? PinoLogger.create(config.logLevel),
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new ClientGoneFilter(app.getHttpAdapter()));
  app.getHttpServer().maxConnections = MAX_CONNECTIONS;
  return app;
}

/** Every body arrives as bytes: an onion request is the same whatever its content type says, a malformed one included. */
function readRawBodies(adapter: FastifyAdapter): void {
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  fastify.addHook('onRequest', (request, _reply, done) => {
    request.headers['content-type'] = 'application/octet-stream';
    done();
  });
}
