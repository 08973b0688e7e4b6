import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type LoggerService } from '@nestjs/common';
import { type AppConfig } from '../config/app-config.js';
import { type Provider, PROVIDERS } from '../notifications/transports/push-transport.js';
import { OnionKeyService } from '../onion/onion-key.service.js';

/** What the server says about itself once it listens; JSON, for it may come from another process. */
export interface StartReport {
  address: string;
  /** What clients need; absent in an instance that takes no onion requests. */
  publicKey?: string;
  providers: Record<Provider, boolean>;
  database: string;
  /** Absent without Redis. */
  redis?: string;
  role?: string;
  /** Absent when there is one. */
  workers?: number;
}

export function startReport(app: NestFastifyApplication, config: AppConfig): StartReport {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address ? address.port : config.port;
  const { database, redisUrl, role, workers } = config;
  const providers = PROVIDERS.map((provider) => [provider, config[provider] !== null]);
  return {
    address: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`,
    ...(role === 'worker' ? {} : { publicKey: app.get(OnionKeyService).publicKeyHex }),
    providers: Object.fromEntries(providers) as StartReport['providers'],
    database: database.kind === 'sqlite' ? `sqlite:${database.path}` : withoutCredentials(database.url),
    ...(redisUrl === null ? {} : { redis: withoutCredentials(redisUrl), role }),
    ...(workers > 1 ? { workers } : {}),
  };
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

export function warnAboutWhatIsOff(logger: LoggerService, config: AppConfig): void {
  const off = PROVIDERS.filter((provider) => config[provider] === null);
  for (const provider of config.role === 'api' ? [] : off) {
    logger.warn({ msg: 'provider is not configured: pushes for its devices are counted and dropped', provider });
  }
  if (!config.statistics.credentials) {
    logger.warn('the statistics endpoint is off: set STATISTICS_USERNAME and STATISTICS_PASSWORD');
  }
}
