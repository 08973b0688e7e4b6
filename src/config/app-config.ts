import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { environmentSchema } from './environment-rules.js';
import {
  DEFAULT_BACKUP_INTERVAL_HOURS,
  DEFAULT_BACKUP_KEEP,
  type Environment,
  ENVIRONMENT_VARIABLES,
  type LogLevel,
  type Role,
} from './environment.js';

/** Everything the server can be told from outside. Made once at start, never changed. */
export interface AppConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly database: DatabaseConfig;
  /** Copies of the SQLite file; null = off, or the database is not SQLite. */
  readonly backup: BackupConfig | null;
  /** Redis carries the queue and several instances may run; null = the database carries it. */
  readonly redisUrl: string | null;
  readonly role: Role;
  /** Processes that share the listener. */
  readonly workers: number;
  readonly onionPrivateKeyFile: string;
  /** Devices that were not registered again for so long are removed; null = they stay. */
  readonly deviceUnseenDays: number | null;
  /** Ids and tokens are stored sealed with this key; null = as they are. */
  readonly dataKeyFile: string | null;
  readonly statistics: StatisticsConfig;
  readonly apns: ApnsConfig | null;
  readonly fcm: FcmConfig | null;
  readonly huawei: HuaweiConfig | null;
  readonly notificationTtlMs: number;
  readonly alerts: AlertsConfig;
}

export type DatabaseConfig =
  { readonly kind: 'sqlite'; readonly path: string } | { readonly kind: 'mysql'; readonly url: string };

export interface BackupConfig {
  readonly intervalMs: number;
  /** How many copies stay. */
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
  /** PEM file of the only authorities to trust; null = the system's. */
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

export interface AlertsConfig {
  /** Where alerts are posted; null = nowhere. */
  readonly webhookUrl: string | null;
  /** A notification that waits for longer is worth an alert. */
  readonly queueAgeMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** The environment is wrong. `problems` names each variable and the reason, never a value. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Makes the configuration from variables. Throws a {@link ConfigError} that lists everything that is wrong. */
export function parseConfig(variables: Record<string, string | undefined>): AppConfig {
  const known = ENVIRONMENT_VARIABLES.map((name) => [name, variables[name]] as const).filter(
    ([, value]) => value !== undefined && value !== '',
  );
  const parsed = environmentSchema.safeParse(Object.fromEntries(known));
  if (!parsed.success)
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`));
  return toConfig(parsed.data);
}

/** Reads `.env` when there is one, then the process's environment, which wins. */
export function loadConfig(envFile = '.env'): AppConfig {
  const fromFile = existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {};
  return parseConfig({ ...fromFile, ...process.env });
}

function toConfig(env: Environment): AppConfig {
  return deepFreeze({
    host: env.HOST,
    port: env.PORT,
    logLevel: env.LOG_LEVEL,
    database: env.DATABASE_URL.startsWith('sqlite:')
      ? { kind: 'sqlite' as const, path: env.DATABASE_URL.slice('sqlite:'.length) }
      : { kind: 'mysql' as const, url: env.DATABASE_URL },
    backup: toBackup(env),
    redisUrl: env.REDIS_URL ?? null,
    role: env.ROLE,
    workers: env.WORKERS,
    onionPrivateKeyFile: env.ONION_PRIVATE_KEY_FILE,
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
    notificationTtlMs: env.NOTIFICATION_TTL_HOURS * HOUR_MS,
    alerts: { webhookUrl: env.ALERT_WEBHOOK_URL ?? null, queueAgeMs: env.ALERT_QUEUE_MINUTES * MINUTE_MS },
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

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  return Object.freeze(value);
}
