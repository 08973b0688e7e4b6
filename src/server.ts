import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from './app.factory.js';
import { describeError } from './common/describe-error.js';
import { PinoLogger } from './common/pino-logger.js';
import { type AppConfig, ConfigError, loadConfig } from './config/app-config.js';
import { OnionKeyService } from './onion/onion-key.service.js';

/** A client that does not finish its request may hold the stop up for this long. */
const CLOSE_CONNECTIONS_AFTER_MS = 2500;
/** A supervisor that waits 10 s before it kills sees the process end by itself. */
const GIVE_UP_AFTER_MS = 9000;

/** Runs the server until a signal ends it. Exits with 1, and one clear line, when it cannot start. */
export async function runServer(): Promise<void> {
  // Whatever this process creates, the key and the database above all, is for its own user.
  process.umask(0o077);
  const config = readConfig();
  const logger = PinoLogger.create(config.logLevel);
  try {
    const app = await createApp(config, { logger });
    await app.listen(config.port, config.host);
    logger.log({ msg: 'listening', ...startReport(app, config) });
    warnAboutWhatIsOff(logger, config);
    stopOnSignals(app, logger);
  } catch (error) {
    logger.fatal({ msg: `the server cannot start: ${startProblem(error)}`, error: describeError(error) });
    process.exit(1);
  }
}

function readConfig(): AppConfig {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

function startReport(app: NestFastifyApplication, config: AppConfig): Record<string, unknown> {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address ? address.port : config.port;
  const { database, apns, fcm, huawei } = config;
  return {
    address: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`,
    publicKey: app.get(OnionKeyService).publicKeyHex,
    providers: { apns: apns !== null, fcm: fcm !== null, huawei: huawei !== null },
    database: database.kind === 'sqlite' ? `sqlite:${database.path}` : withoutCredentials(database.url),
  };
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function warnAboutWhatIsOff(logger: PinoLogger, { apns, fcm, huawei, statistics }: AppConfig): void {
  const off = Object.entries({ apns, fcm, huawei }).filter(([, provider]) => provider === null);
  for (const [provider] of off) {
    logger.warn({ msg: 'provider is not configured: pushes for its devices are counted and dropped', provider });
  }
  if (!statistics.credentials) {
    logger.warn('the statistics endpoint is off: set STATISTICS_USERNAME and STATISTICS_PASSWORD');
  }
}

function stopOnSignals(app: NestFastifyApplication, logger: PinoLogger): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    logger.log({ msg: 'stopping', signal });
    setTimeout(() => app.getHttpServer().closeAllConnections(), CLOSE_CONNECTIONS_AFTER_MS).unref();
    setTimeout(() => {
      logger.error('the stop took too long: what is queued stays for the next start');
      process.exit(1);
    }, GIVE_UP_AFTER_MS).unref();
    app.close().then(
      () => {
        logger.log('stopped');
        process.exit(0);
      },
      (error: unknown) => {
        logger.error({ msg: 'the stop failed', error: describeError(error) });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function startProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is in use, set PORT to another one';
    case 'EACCES':
      return 'access is denied, check HOST, PORT and the rights on the data folder';
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'ETIMEDOUT':
      return 'the database cannot be reached, check DATABASE_URL';
    case 'ER_ACCESS_DENIED_ERROR':
    case 'ER_DBACCESS_DENIED_ERROR':
    case 'ER_BAD_DB_ERROR':
      return 'the database refuses us, check user, password and database name in DATABASE_URL';
    default:
      return error instanceof Error ? error.message : 'unknown error';
  }
}
