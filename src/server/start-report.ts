import { resolve } from 'node:path';
import { type LoggerService } from '@nestjs/common';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { withoutCredentials } from '../common/start/without-credentials.js';
import { type AppConfig } from '../config/app-config.js';
import { describeDatabase } from '../database/describe-database.js';
import { type Provider, PROVIDERS } from '../providers/push-transport.js';
import { readVapidKey } from '../providers/webpush/vapid-key.js';
import { OnionKeyService } from '../onion/onion-key.service.js';
import { SwarmMonitor } from '../swarms/watch/swarm-monitor.service.js';
import { OperatorListener } from '../operator/operator-listener.js';

/** What is known of the storage network; all 0 while the list of its nodes is waited for, or when others watch it. */
export interface NetworkReport {
  nodes: number;
  swarms: number;
}

/** What the server says about itself once it listens; JSON, for it may come from another process. */
export interface StartReport {
  /** One that opens on this machine. */
  address: string;
  /** `HOST`: where it listens. */
  host: string;
  /** Of the operator's own listener; absent when there is none. */
  operatorAddress?: string;
  /** What clients need; absent in an instance that takes no onion requests. */
  publicKey?: string;
  /** The whole path; absent like its public key. */
  keyFile?: string;
  /** The storage network of today's API; null = it is off. */
  network: NetworkReport | null;
  /** The whole path; absent without the network. */
  swarmKeyFile?: string;
  /** What phones make endpoints of Web Push for; absent when that is off. */
  vapidPublicKey?: string;
  providers: Record<Provider, boolean>;
  database: string;
  /** Absent without Redis. */
  redis?: string;
  role?: string;
  /** What leads out to hosts of https; absent = they are reached directly. */
  proxy?: string;
  /** Absent when there is one. */
  workers?: number;
}

export function startReport(app: NestFastifyApplication, config: AppConfig): StartReport {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address ? address.port : config.port;
  const operatorAddress = app.get(OperatorListener).address;
  const { database, redisUrl, role, workers, webpush, proxy } = config;
  const providers = PROVIDERS.map((provider) => [provider, config[provider] !== null]);
  return {
    address: `http://${hostToOpen(config.host)}:${port}`,
    host: config.host,
    ...(operatorAddress === null ? {} : { operatorAddress }),
    ...(role === 'worker' || role === 'monitor'
      ? {}
      : { publicKey: app.get(OnionKeyService).publicKeyHex, keyFile: resolve(config.onionPrivateKeyFile) }),
    network: config.network && networkReport(app),
    ...(config.network === null ? {} : { swarmKeyFile: resolve(config.network.keyFile) }),
    ...(webpush === null ? {} : { vapidPublicKey: readVapidKey(webpush.keyFile).publicKey }),
    providers: Object.fromEntries(providers) as StartReport['providers'],
    database: describeDatabase(database),
    ...(redisUrl === null ? {} : { redis: withoutCredentials(redisUrl), role }),
    ...(proxy === null ? {} : { proxy: proxy.shown }),
    ...(workers > 1 ? { workers } : {}),
  };
}

/** An address at which this machine reaches the server; a wildcard is not one. */
function hostToOpen(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function networkReport(app: NestFastifyApplication): NetworkReport {
  const { nodes, swarms } = app.get(SwarmMonitor).status().list;
  return { nodes, swarms };
}

/** One line about what is open to whom. */
export function tellWhatIsOpen(logger: LoggerService, config: AppConfig, report: StartReport): void {
  const { address, operatorAddress } = report;
  const open = [
    ...(config.role === 'worker' || config.role === 'monitor' ? [] : ['onion requests']),
    'terse health',
  ].join(' and ');
  if (!config.statistics.credentials) {
    logger.log(`open at ${operatorAddress === undefined ? address : `${address} and ${operatorAddress}`}: ${open}`);
  } else if (operatorAddress !== undefined) {
    logger.log(
      `open to everybody at ${address}: ${open}, with the password POST /get_statistics_data; ` +
        `to the operator at ${operatorAddress}, with the password: all that is his`,
    );
  } else {
    const line = `open to everybody at ${address}: ${open}; in the same place, with the password: all that is the operator's`;
    if (LOOPBACK.test(config.host)) logger.log(line);
    else logger.warn(`${line}. To move that away from there: set OPERATOR_PORT`);
  }
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;
