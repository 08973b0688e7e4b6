import { dirname, join } from 'node:path';
import { type EnvFile, readEnvFile } from './env-file.js';
import { HOUR_MS, MINUTE_MS } from './durations.js';
import { checkEnvironment } from './environment-rules.js';
import { givenVariables } from './given-variables.js';
import { looksLikeOurs } from './misspelled.js';
import { KNOWN_VARIABLES } from './secrets.js';
import {
  DEFAULT_BACKUP_INTERVAL_HOURS,
  DEFAULT_BACKUP_KEEP,
  DEFAULT_OPERATOR_HOST,
  type Environment,
  type HookFormat,
  type LogFormat,
  type LogLevel,
  type Role,
} from './environment.js';
import { hostsOf } from './variable-kinds.js';
import { parseProxyExceptions, parseProxyUrl, type ProxyAddress, type ProxyException } from './proxy-url.js';
import { isBuiltInNetwork, type NodeListSource, parseNodeListSources } from './node-list-source.js';

/** Everything the server can be told from outside. Made once at start, never changed. */
export abstract class AppConfig {
  abstract readonly host: string;
  abstract readonly port: number;
  /** The listener of what is the operator's; null = it is on the public port. */
  abstract readonly operator: OperatorConfig | null;
  abstract readonly logLevel: LogLevel;
  abstract readonly logFormat: LogFormat;
  abstract readonly database: DatabaseConfig;
  /** Copies of the SQLite file; null = off, or the database is not SQLite. */
  abstract readonly backup: BackupConfig | null;
  /** Redis carries the queue and several instances may run; null = the database carries it. */
  abstract readonly redisUrl: string | null;
  abstract readonly role: Role;
  /** Processes that share the listener. */
  abstract readonly workers: number;
  abstract readonly onionPrivateKeyFile: string;
  /** The operator named that file, so it is somewhere; false = it may be made in its default place. */
  abstract readonly isOnionKeyNamed: boolean;
  /** Devices that were not registered again for so long are removed; null = they stay. */
  abstract readonly deviceUnseenDays: number | null;
  /** Ids and tokens are stored sealed with this key; null = as they are. */
  abstract readonly dataKeyFile: string | null;
  abstract readonly statistics: StatisticsConfig;
  abstract readonly apns: ApnsConfig | null;
  abstract readonly fcm: FcmConfig | null;
  abstract readonly huawei: HuaweiConfig | null;
  abstract readonly webpush: WebPushConfig | null;
  abstract readonly notificationTtlMs: number;
  abstract readonly alerts: AlertsConfig;
  /** What leads out to hosts of https; null = they are reached directly. */
  abstract readonly proxy: ProxyConfig | null;
  /** The storage network; null = today's API is off. */
  abstract readonly network: NetworkConfig | null;
}

export interface OperatorConfig {
  readonly host: string;
  readonly port: number;
}

export type DatabaseConfig =
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'mysql';
      readonly url: string;
      /** CA bundle (PEM file), nothing else is trusted. */
      readonly caFile: string | null;
      /** The most connections of one process. */
      readonly connections: number;
    };

export interface BackupConfig {
  readonly intervalMs: number;
  /** How many copies are kept. */
  readonly keep: number;
  readonly directory: string;
}

export interface StatisticsConfig {
  /** Basic auth of the operator's endpoints; null = those endpoints answer 404. */
  readonly credentials: { readonly username: string; readonly password: string } | null;
  readonly periodMs: number;
}

export interface ApnsConfig {
  readonly auth:
    | {
        readonly kind: 'certificate';
        readonly certFile: string;
        /** null = the certificate's file holds the key too. */
        readonly keyFile: string | null;
        readonly passphrase: string | null;
      }
    | { readonly kind: 'token'; readonly keyFile: string; readonly keyId: string; readonly teamId: string };
  readonly topic: string;
  readonly environment: 'production' | 'sandbox' | 'both';
  readonly productionUrl: string;
  readonly sandboxUrl: string;
  /** CA bundle (PEM file), nothing else is trusted; null = Node.js's own list. */
  readonly caFile: string | null;
}

export interface FcmConfig {
  readonly serviceAccountFile: string;
  readonly url: string;
  readonly caFile: string | null;
}

export interface HuaweiConfig {
  readonly appId: string;
  readonly appSecret:
    { readonly kind: 'value'; readonly value: string } | { readonly kind: 'file'; readonly file: string };
  readonly authUrl: string;
  readonly pushUrl: string;
  readonly caFile: string | null;
}

export interface WebPushConfig {
  /** PEM of a P-256 key: who we are towards push servers. */
  readonly keyFile: string;
  /** `mailto:` or `https:`, for whoever runs a push server. */
  readonly subject: string;
  readonly caFile: string | null;
  /** `host` or `host:port` in lower case, which may be reached although their addresses are not public. */
  readonly allowedHosts: readonly string[];
}

export interface NetworkConfig {
  /** Where the list of nodes comes from, in the order in which they are tried. */
  readonly sources: readonly NodeListSource[];
  /** Nodes whose address is not public are passed over: no list of strangers leads into a network of ours. */
  readonly publicAddressesOnly: boolean;
  /** CA bundle (PEM file), nothing else is trusted at sources of https; null = Node.js's own list. */
  readonly caFile: string | null;
  /** The last good list. */
  readonly listFile: string;
  readonly keyFile: string;
  /** Nobody named the file. Of one that was named and is not there, no new one is made. */
  readonly mayMakeKeyFile: boolean;
}

export interface AlertsConfig {
  /** Null = no alerts. */
  readonly hook: AlertHookConfig | null;
  /** A notification that waits for longer is worth an alert. */
  readonly queueAgeMs: number;
}

export interface ProxyConfig extends ProxyAddress {
  /** `HTTPS_PROXY` without credentials, for people. */
  readonly shown: string;
  readonly exceptions: readonly ProxyException[];
}

/** Where alerts are posted, and in which form; auto = the one that its host is known for. */
export interface AlertHookConfig {
  readonly url: string;
  readonly format: HookFormat;
}

/** Ten transactions at once, and some for lookups, the instance's lock and the operator's questions. */
const CONNECTIONS_OF_A_PROCESS = 16;

/** The environment is wrong. `problems` names each variable and the reason, never a value. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Makes the configuration from variables. Throws a {@link ConfigError} that lists everything that is wrong. */
export function parseConfig(variables: Record<string, string | undefined>): AppConfig {
  return configOf(variables, NO_FILE);
}

/** Reads `.env` when there is one, then the process's environment, which wins. */
export function loadConfig(envFile = '.env'): AppConfig {
  return configOf(process.env, readEnvFile(envFile, KNOWN_VARIABLES));
}

/** Variables that are probably meant for this server, which knows none of that name. */
export function misspelledVariables(envFile = '.env'): string[] {
  const names = new Set([...Object.keys(readEnvFile(envFile, KNOWN_VARIABLES).variables), ...Object.keys(process.env)]);
  return [...names].filter((name) => looksLikeOurs(name, KNOWN_VARIABLES)).toSorted();
}

const NO_FILE: EnvFile = { variables: {}, problems: [] };

function configOf(environment: Record<string, string | undefined>, envFile: EnvFile): AppConfig {
  const { set, problems, calledBy } = givenVariables(environment, envFile.variables);
  const checked = checkEnvironment(set, problems);
  if (checked.ok && envFile.problems.length === 0) return toConfig(checked.env, (name) => set[name] !== undefined);
  const wrong = checked.ok ? [] : checked.problems.map(({ name, message }) => `${calledBy(name)} ${message}`);
  throw new ConfigError([...envFile.problems, ...wrong]);
}

type IsGiven = (name: keyof Environment) => boolean;

/** @param isGiven whether somebody set it: a default that was written out is no default */
function toConfig(env: Environment, isGiven: IsGiven): AppConfig {
  return deepFreeze({
    host: env.HOST,
    port: env.PORT,
    operator:
      env.OPERATOR_PORT === undefined
        ? null
        : { host: env.OPERATOR_HOST ?? DEFAULT_OPERATOR_HOST, port: env.OPERATOR_PORT },
    logLevel: env.LOG_LEVEL,
    logFormat: env.LOG_FORMAT,
    database: env.DATABASE_URL.startsWith('sqlite:')
      ? { kind: 'sqlite' as const, path: env.DATABASE_URL.slice('sqlite:'.length) }
      : {
          kind: 'mysql' as const,
          url: env.DATABASE_URL,
          caFile: env.DATABASE_CA_FILE ?? null,
          connections:
            env.DATABASE_CONNECTIONS === undefined
              ? CONNECTIONS_OF_A_PROCESS
              : Math.floor(env.DATABASE_CONNECTIONS / env.WORKERS),
        },
    backup: toBackup(env),
    redisUrl: env.REDIS_URL ?? null,
    role: env.ROLE,
    workers: env.WORKERS,
    onionPrivateKeyFile: env.ONION_PRIVATE_KEY_FILE,
    isOnionKeyNamed: isGiven('ONION_PRIVATE_KEY_FILE'),
    deviceUnseenDays: env.DEVICE_UNSEEN_DAYS ?? null,
    dataKeyFile: env.DATA_KEY_FILE ?? null,
    statistics: {
      credentials:
        env.STATISTICS_USERNAME !== undefined && env.STATISTICS_PASSWORD !== undefined
          ? { username: env.STATISTICS_USERNAME, password: env.STATISTICS_PASSWORD }
          : null,
      periodMs: env.STATISTICS_PERIOD_HOURS * HOUR_MS,
    },
    apns: toApns(env),
    fcm: env.FCM_SERVICE_ACCOUNT_FILE
      ? { serviceAccountFile: env.FCM_SERVICE_ACCOUNT_FILE, url: env.FCM_URL, caFile: env.FCM_CA_FILE ?? null }
      : null,
    huawei: toHuawei(env),
    webpush: toWebPush(env),
    notificationTtlMs: env.NOTIFICATION_TTL_HOURS * HOUR_MS,
    alerts: {
      hook:
        env.ALERT_WEBHOOK_URL === undefined ? null : { url: env.ALERT_WEBHOOK_URL, format: env.ALERT_WEBHOOK_FORMAT },
      queueAgeMs: env.ALERT_QUEUE_MINUTES * MINUTE_MS,
    },
    proxy: toProxy(env),
    network: toNetwork(env, isGiven),
  });
}

function toBackup(env: Environment): BackupConfig | null {
  const hours = env.BACKUP_INTERVAL_HOURS ?? DEFAULT_BACKUP_INTERVAL_HOURS;
  if (!env.DATABASE_URL.startsWith('sqlite:') || hours === 0) return null;
  return {
    intervalMs: hours * HOUR_MS,
    keep: env.BACKUP_KEEP ?? DEFAULT_BACKUP_KEEP,
    directory: env.BACKUP_DIRECTORY ?? join(dirname(env.DATABASE_URL.slice('sqlite:'.length)), 'backups'),
  };
}

function toApns(env: Environment): ApnsConfig | null {
  const auth: ApnsConfig['auth'] | null =
    env.APNS_TOKEN_KEY_FILE && env.APNS_TOKEN_KEY_ID && env.APNS_TOKEN_TEAM_ID
      ? {
          kind: 'token',
          keyFile: env.APNS_TOKEN_KEY_FILE,
          keyId: env.APNS_TOKEN_KEY_ID,
          teamId: env.APNS_TOKEN_TEAM_ID,
        }
      : env.APNS_CERT_FILE
        ? {
            kind: 'certificate',
            certFile: env.APNS_CERT_FILE,
            keyFile: env.APNS_CERT_KEY_FILE ?? null,
            passphrase: env.APNS_CERT_PASSPHRASE ?? null,
          }
        : null;
  return (
    auth && {
      auth,
      topic: env.APNS_TOPIC,
      environment: env.APNS_ENVIRONMENT,
      productionUrl: env.APNS_URL,
      sandboxUrl: env.APNS_SANDBOX_URL,
      caFile: env.APNS_CA_FILE ?? null,
    }
  );
}

function toHuawei(env: Environment): HuaweiConfig | null {
  if (!env.HUAWEI_APP_ID) return null;
  return {
    appId: env.HUAWEI_APP_ID,
    appSecret: env.HUAWEI_APP_SECRET_FILE
      ? { kind: 'file', file: env.HUAWEI_APP_SECRET_FILE }
      : { kind: 'value', value: env.HUAWEI_APP_SECRET ?? '' },
    authUrl: env.HUAWEI_AUTH_URL,
    pushUrl: env.HUAWEI_PUSH_URL,
    caFile: env.HUAWEI_CA_FILE ?? null,
  };
}

function toWebPush(env: Environment): WebPushConfig | null {
  if (!env.VAPID_KEY_FILE) return null;
  return {
    keyFile: env.VAPID_KEY_FILE,
    subject: env.VAPID_SUBJECT ?? '',
    caFile: env.WEBPUSH_CA_FILE ?? null,
    allowedHosts: env.WEBPUSH_ALLOWED_HOSTS === undefined ? [] : hostsOf(env.WEBPUSH_ALLOWED_HOSTS),
  };
}

function toProxy({ HTTPS_PROXY: url, NO_PROXY: exceptions = '' }: Environment): ProxyConfig | null {
  if (url === undefined) return null;
  const address = parseProxyUrl(url);
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return {
    ...address,
    shown: `${address.protocol}//${host}:${address.port}`,
    exceptions: parseProxyExceptions(exceptions) ?? [],
  };
}

function toNetwork(env: Environment, isGiven: IsGiven): NetworkConfig | null {
  const sources = env.NODE_LIST === undefined ? null : parseNodeListSources(env.NODE_LIST);
  if (env.NODE_LIST === undefined || sources === null) return null;
  return {
    sources,
    publicAddressesOnly: isBuiltInNetwork(env.NODE_LIST),
    caFile: env.NODE_LIST_CA_FILE ?? null,
    listFile: env.NODE_LIST_FILE,
    keyFile: env.SWARM_KEY_FILE,
    mayMakeKeyFile: !isGiven('SWARM_KEY_FILE'),
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  return Object.freeze(value);
}
