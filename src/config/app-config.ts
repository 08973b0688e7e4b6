import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';

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

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface AlertsConfig {
  /** Where alerts are posted; null = nowhere. */
  readonly webhookUrl: string | null;
  /** A notification that waits for longer is worth an alert. */
  readonly queueAgeMs: number;
}

/** `api` accepts onion requests, `worker` delivers, `all` does both. */
const ROLES = ['all', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DEFAULT_BACKUP_INTERVAL_HOURS = 24;
const DEFAULT_BACKUP_KEEP = 7;
const MAX_WORKERS = 64;

const text = z.string().min(1).optional();
const hours = (fallback: number, max: number) =>
  z.coerce.number({ error: 'must be a number of hours' }).positive('must be above 0').max(max).default(fallback);
const wholeNumber = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error);
};
const httpsUrl = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .refine(
      (value) => URL.canParse(value) && new URL(value).protocol === 'https:',
      'must be https://host or https://host:port',
    );
const readableFile = text.refine((file) => file === undefined || isReadable(file), 'cannot be read');

/** The environment, variable by variable. An empty value counts as unset. */
const environmentSchema = z.object({
  HOST: z.string().default('0.0.0.0'),
  PORT: z.coerce
    .number({ error: 'must be a port number' })
    .int('must be a port number')
    .min(0)
    .max(65_535)
    .default(3000),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  DATABASE_URL: z
    .string()
    .default('sqlite:data/session-push.sqlite')
    .refine(
      (url) => /^sqlite:.+/.test(url) || isDatabaseUrl(url),
      'must be sqlite:path or mysql://user:password@host:port/database',
    ),
  BACKUP_INTERVAL_HOURS: z.coerce
    .number({ error: 'must be a number of hours' })
    .min(0, 'must not be below 0')
    .max(24 * 365)
    .optional(),
  BACKUP_KEEP: wholeNumber(1, 1000).optional(),
  BACKUP_DIRECTORY: text,
  REDIS_URL: text.refine(
    (url) => url === undefined || isRedisUrl(url),
    'must be redis://host:port or rediss://user:password@host:port/number',
  ),
  ROLE: z.enum(ROLES, { error: `must be one of ${ROLES.join(', ')}` }).default('all'),
  WORKERS: wholeNumber(1, MAX_WORKERS).default(1),
  ONION_PRIVATE_KEY_FILE: z.string().default('data/x25519-priv.pem'),
  STATISTICS_USERNAME: text,
  STATISTICS_PASSWORD: text,
  STATISTICS_PERIOD_HOURS: hours(12, 24 * 365),
  APNS_CERT_FILE: readableFile,
  APNS_CERT_KEY_FILE: readableFile,
  APNS_CERT_PASSPHRASE: text,
  APNS_TOKEN_KEY_FILE: readableFile,
  APNS_TOKEN_KEY_ID: text,
  APNS_TOKEN_TEAM_ID: text,
  APNS_TOPIC: z.string().default('com.loki-project.loki-messenger'),
  APNS_ENVIRONMENT: z
    .enum(['production', 'sandbox', 'both'], { error: 'must be production, sandbox or both' })
    .default('production'),
  APNS_URL: httpsUrl('https://api.push.apple.com'),
  APNS_SANDBOX_URL: httpsUrl('https://api.sandbox.push.apple.com'),
  APNS_CA_FILE: readableFile,
  FCM_SERVICE_ACCOUNT_FILE: readableFile,
  FCM_URL: httpsUrl('https://fcm.googleapis.com'),
  FCM_CA_FILE: readableFile,
  HUAWEI_APP_ID: text,
  HUAWEI_APP_SECRET: text,
  HUAWEI_APP_SECRET_FILE: readableFile,
  HUAWEI_AUTH_URL: httpsUrl('https://oauth-login.cloud.huawei.com'),
  HUAWEI_PUSH_URL: httpsUrl('https://push-api.cloud.huawei.com'),
  HUAWEI_CA_FILE: readableFile,
  NOTIFICATION_TTL_HOURS: hours(24, 24 * 28),
  ALERT_WEBHOOK_URL: text.refine((url) => url === undefined || isHttpUrl(url), 'must be https://... or http://...'),
  ALERT_QUEUE_MINUTES: z.coerce
    .number({ error: 'must be a number of minutes' })
    .positive('must be above 0')
    .max(24 * 60)
    .default(10),
});

type Environment = z.infer<typeof environmentSchema>;
export const ENVIRONMENT_VARIABLES = Object.keys(environmentSchema.shape) as (keyof Environment)[];

/** What must be set together: a provider configured by half would silently drop its pushes. */
const completeEnvironmentSchema = environmentSchema.superRefine((env, context) => {
  const missing = (name: keyof Environment, because: string) =>
    context.addIssue({ code: 'custom', path: [name], message: `must be set because ${because} is` });
  const together = (...names: (keyof Environment)[]) => {
    const set = names.find((name) => env[name] !== undefined);
    if (set) names.filter((name) => env[name] === undefined).forEach((name) => missing(name, set));
  };
  together('STATISTICS_USERNAME', 'STATISTICS_PASSWORD');
  together('APNS_TOKEN_KEY_FILE', 'APNS_TOKEN_KEY_ID', 'APNS_TOKEN_TEAM_ID');
  for (const name of ['APNS_CERT_KEY_FILE', 'APNS_CERT_PASSPHRASE'] as const) {
    if (env[name] !== undefined && env.APNS_CERT_FILE === undefined) missing('APNS_CERT_FILE', name);
  }
  if (env.APNS_CERT_FILE !== undefined && env.APNS_TOKEN_KEY_FILE !== undefined) {
    context.addIssue({
      code: 'custom',
      path: ['APNS_CERT_FILE'],
      message: 'cannot be used together with APNS_TOKEN_KEY_FILE: choose one',
    });
  }
  if (env.HUAWEI_APP_SECRET !== undefined && env.HUAWEI_APP_SECRET_FILE !== undefined) {
    context.addIssue({
      code: 'custom',
      path: ['HUAWEI_APP_SECRET'],
      message: 'cannot be used together with HUAWEI_APP_SECRET_FILE: choose one',
    });
  }
  const huaweiSecret = env.HUAWEI_APP_SECRET ?? env.HUAWEI_APP_SECRET_FILE;
  if (env.HUAWEI_APP_ID !== undefined && huaweiSecret === undefined) missing('HUAWEI_APP_SECRET', 'HUAWEI_APP_ID');
  if (huaweiSecret !== undefined && env.HUAWEI_APP_ID === undefined) missing('HUAWEI_APP_ID', 'the Huawei secret');
  const isSqlite = env.DATABASE_URL.startsWith('sqlite:');
  const refuse = (name: keyof Environment, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message });
  if (env.ROLE !== 'all' && env.REDIS_URL === undefined)
    refuse('ROLE', `cannot be ${env.ROLE} without REDIS_URL: there one instance does everything`);
  if (env.ROLE !== 'all' && isSqlite)
    refuse('DATABASE_URL', `must be mysql://... because ROLE is ${env.ROLE}: instances cannot share a SQLite file`);
  for (const name of ['BACKUP_INTERVAL_HOURS', 'BACKUP_KEEP', 'BACKUP_DIRECTORY'] as const) {
    if (env[name] !== undefined && !isSqlite)
      refuse(name, 'is for SQLite only: back this database up with its own tools, see docs/operating.md');
  }
});

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
  const parsed = completeEnvironmentSchema.safeParse(Object.fromEntries(known));
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

function isReadable(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

function isDatabaseUrl(value: string): boolean {
  return (
    URL.canParse(value) &&
    ['mysql:', 'mariadb:'].includes(new URL(value).protocol) &&
    new URL(value).pathname.length > 1
  );
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && ['https:', 'http:'].includes(new URL(value).protocol);
}

function isRedisUrl(value: string): boolean {
  return URL.canParse(value) && ['redis:', 'rediss:'].includes(new URL(value).protocol) && new URL(value).host !== '';
}
