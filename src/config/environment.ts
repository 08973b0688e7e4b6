import { z } from 'zod';
import { databaseUrl, hours, httpsUrl, httpUrl, readableFile, redisUrl, text, wholeNumber } from './variable-kinds.js';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `api` accepts onion requests, `worker` delivers, `all` does both. */
const ROLES = ['all', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

const MAX_WORKERS = 64;

export const DEFAULT_BACKUP_INTERVAL_HOURS = 24;
export const DEFAULT_BACKUP_KEEP = 7;

const listener = z
  .object({
    HOST: z.string().default('0.0.0.0').meta({ takes: 'an address or a host name' }).describe('Where to listen.'),
    PORT: z.coerce
      .number({ error: 'must be a port number' })
      .int('must be a port number')
      .min(0)
      .max(65_535)
      .default(3000)
      .describe('The port to listen on; 0 takes any free one.'),
    LOG_LEVEL: z
      .enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` })
      .default('info')
      .describe(
        'The least important lines that are logged. No level prints an id, a token, a payload, a key or an address.',
      ),
  })
  .meta({ title: 'Listener and log' });

const keys = z
  .object({
    ONION_PRIVATE_KEY_FILE: z
      .string()
      .default('data/x25519-priv.pem')
      .meta({ takes: 'the path of a file with 64 hexadecimal characters or 32 raw bytes' })
      .describe(
        "The server's X25519 key. Made with mode 0600 when absent. Clients are built with the public half of it, which " +
          'the server prints at start: keep a copy in a safe place.',
      ),
    DATA_KEY_FILE: text
      .meta({ takes: 'the path of a file with 64 hexadecimal characters or 32 raw bytes' })
      .describe(
        'Set = ids and tokens are stored sealed with this key, so that a copy of the database reveals neither. Made with ' +
          'mode 0600 when absent; what the database holds already is sealed at the next start. There is no way back, and ' +
          'without the key all apps have to register again: keep a copy in a safe place, and read docs/operating.md first.',
      ),
  })
  .meta({ title: 'Keys' });

const database = z
  .object({
    DATABASE_URL: databaseUrl('sqlite:data/session-push.sqlite').describe(
      "What holds the registry and, without Redis, the queue. SQLite's file and its folder are made when absent; servers " +
        'are MySQL 8 and MariaDB 10.6 or later.',
    ),
    BACKUP_INTERVAL_HOURS: z.coerce
      .number({ error: 'must be a number of hours' })
      .min(0, 'must not be below 0')
      .max(24 * 365)
      .optional()
      // Filled in later: set or not, it is refused or not with another database.
      .meta({ default: DEFAULT_BACKUP_INTERVAL_HOURS })
      .describe('How often the SQLite file is copied while the server works; 0 = never.'),
    BACKUP_KEEP: wholeNumber(1, 1000)
      .optional()
      .meta({ default: DEFAULT_BACKUP_KEEP })
      .describe('How many copies stay.'),
    BACKUP_DIRECTORY: text
      .meta({ takes: 'the path of a folder' })
      .describe('Where the copies go; the folder "backups" beside the database when not set.'),
    DEVICE_UNSEEN_DAYS: wholeNumber(30, 3650)
      .optional()
      .describe(
        'Set = once a day, devices that no app registered again for so many days are removed, also those that get pushes: ' +
          'a delivered push does not count. Recent apps register again every few days, old ones only when their token ' +
          'changes, and go after that time even when they are used daily. See docs/operating.md.',
      ),
  })
  .meta({ title: 'Database' });

const instances = z
  .object({
    WORKERS: wholeNumber(1, MAX_WORKERS)
      .default(1)
      .describe('Processes that share the listener; more than the machine has cores does not help.'),
    REDIS_URL: redisUrl.describe(
      'Set = BullMQ on Redis carries the queue, and any number of instances may share one MariaDB or MySQL database and ' +
        'this Redis. See docs/operating.md for what Redis must be set to.',
    ),
    ROLE: z
      .enum(ROLES, { error: `must be one of ${ROLES.join(', ')}` })
      .default('all')
      .describe('What this instance does: api accepts requests, worker delivers, all does both.'),
  })
  .meta({ title: 'Several processes and instances' });

const operator = z
  .object({
    STATISTICS_USERNAME: text.describe(
      "User name of the operator's endpoints (Basic authentication). Not set = those endpoints answer 404.",
    ),
    STATISTICS_PASSWORD: text.describe("Password of the operator's endpoints."),
    STATISTICS_PERIOD_HOURS: hours(12, 24 * 365).describe('How many hours one row of the statistics covers.'),
    ALERT_WEBHOOK_URL: httpUrl.describe(
      'Where the server posts {"text": "..."} when a provider turns unhealthy or recovers, removal pauses, the queue is ' +
        'late, a certificate nears its end or a backup fails, and once a day the figures: a Slack-like or Telegram-relay hook.',
    ),
    ALERT_QUEUE_MINUTES: z.coerce
      .number({ error: 'must be a number of minutes' })
      .positive('must be above 0')
      .max(24 * 60)
      .default(10)
      .describe('How many minutes a notification may wait before that is worth an alert.'),
  })
  .meta({ title: 'For the operator' });

const delivery = z
  .object({
    NOTIFICATION_TTL_HOURS: hours(24, 24 * 28).describe(
      'A push that could not be delivered within so many hours is dropped and counted.',
    ),
  })
  .meta({ title: 'Delivery' });

const apns = z
  .object({
    APNS_CERT_FILE: readableFile.describe('A certificate for APNs as PEM; the file may hold the key too.'),
    APNS_CERT_KEY_FILE: readableFile.describe("The certificate's key, when it is in a file of its own."),
    APNS_CERT_PASSPHRASE: text.describe("The passphrase of the certificate's key."),
    APNS_TOKEN_KEY_FILE: readableFile.describe('A .p8 key for APNs, instead of a certificate.'),
    APNS_TOKEN_KEY_ID: text.describe("The .p8 key's id."),
    APNS_TOKEN_TEAM_ID: text.describe('The id of the team that the .p8 key belongs to.'),
    APNS_TOPIC: z
      .string()
      .default('com.loki-project.loki-messenger')
      .meta({ takes: 'text' })
      .describe("The app's bundle id."),
    APNS_ENVIRONMENT: z
      .enum(['production', 'sandbox', 'both'], { error: 'must be production, sandbox or both' })
      .default('production')
      .describe(
        'Where the tokens belong. With both, a token that one environment does not know is tried on the other.',
      ),
    APNS_URL: httpsUrl('https://api.push.apple.com').describe('The gateway for production; a proxy, for example.'),
    APNS_SANDBOX_URL: httpsUrl('https://api.sandbox.push.apple.com').describe('The gateway for the sandbox.'),
    APNS_CA_FILE: readableFile.describe(
      "The only authorities to trust at these gateways, as PEM; the system's when not set.",
    ),
  })
  .meta({ title: 'Apple (APNs)', description: 'On with a certificate or with a .p8 key.' });

const fcm = z
  .object({
    FCM_SERVICE_ACCOUNT_FILE: readableFile.describe("The service account's JSON file. Its token_uri is honoured."),
    FCM_URL: httpsUrl('https://fcm.googleapis.com').describe('Where to send; a proxy, for example.'),
    FCM_CA_FILE: readableFile.describe("The only authorities to trust there, as PEM; the system's when not set."),
  })
  .meta({ title: 'Google (FCM)', description: 'On with a service account.' });

const huawei = z
  .object({
    HUAWEI_APP_ID: text.describe("The app's id."),
    HUAWEI_APP_SECRET: text.describe("The app's secret."),
    HUAWEI_APP_SECRET_FILE: readableFile.describe(
      "A file that holds the app's secret, which may change while the server runs.",
    ),
    HUAWEI_AUTH_URL: httpsUrl('https://oauth-login.cloud.huawei.com').describe('Where access tokens come from.'),
    HUAWEI_PUSH_URL: httpsUrl('https://push-api.cloud.huawei.com').describe('Where to send.'),
    HUAWEI_CA_FILE: readableFile.describe("The only authorities to trust at both, as PEM; the system's when not set."),
  })
  .meta({ title: 'Huawei (HMS)', description: "On with the app's id and its secret." });

/** The environment by subject; docs/configuration.md and .env.example are made from it (`npm run docs:configuration`). */
export const ENVIRONMENT_SECTIONS = [
  listener,
  keys,
  database,
  instances,
  operator,
  delivery,
  apns,
  fcm,
  huawei,
] as const;

/** The environment, variable by variable. An empty value counts as unset. */
export const variablesSchema = z.object({
  ...listener.shape,
  ...keys.shape,
  ...database.shape,
  ...instances.shape,
  ...operator.shape,
  ...delivery.shape,
  ...apns.shape,
  ...fcm.shape,
  ...huawei.shape,
});

/** The variables after their checks, with defaults filled in. */
export type Environment = z.infer<typeof variablesSchema>;
export const ENVIRONMENT_VARIABLES = Object.keys(variablesSchema.shape) as (keyof Environment)[];
