import { readFileSync } from 'node:fs';
import { z } from 'zod';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `api` accepts onion requests, `worker` delivers, `all` does both. */
const ROLES = ['all', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

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
const variablesSchema = z.object({
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

/** The variables after their checks, with defaults filled in. */
export type Environment = z.infer<typeof variablesSchema>;
export const ENVIRONMENT_VARIABLES = Object.keys(variablesSchema.shape) as (keyof Environment)[];

/** With what must be set together: a provider configured by half would silently drop its pushes. */
export const environmentSchema = variablesSchema.superRefine((env, context) => {
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
