import { z } from 'zod';
import {
  contactUrl,
  databaseUrl,
  hostList,
  hours,
  httpsUrl,
  httpUrl,
  identifier,
  identifierOr,
  nodeList,
  portNumber,
  proxyExceptions,
  proxyUrl,
  readableFile,
  redisUrl,
  text,
  wholeNumber,
} from './variable-kinds.js';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `auto` is readable on a terminal and JSON elsewhere. */
const LOG_FORMATS = ['auto', 'json', 'readable'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** `auto` is the one that the host of the hook is known for. */
const HOOK_FORMATS = ['auto', 'json', 'slack', 'discord', 'teams', 'ntfy'] as const;
export type HookFormat = (typeof HOOK_FORMATS)[number];

/** `api` accepts onion requests, `worker` delivers, `monitor` watches the storage network, `all` does all of it. */
const ROLES = ['all', 'api', 'worker', 'monitor'] as const;
export type Role = (typeof ROLES)[number];

const MAX_WORKERS = 64;

export const DEFAULT_BACKUP_INTERVAL_HOURS = 24;
export const DEFAULT_BACKUP_KEEP = 7;
export const DEFAULT_OPERATOR_HOST = '127.0.0.1';

/** Guessing is slowed down, so that this many characters hold. */
const MIN_PASSWORD_LENGTH = 8;

/** The value may be in a file that `NAME_FILE` names. */
const SECRET = { secret: true };
/** Blanks at its ends and quotes around it may be part of the value. */
const PASSWORD = { secret: true, verbatim: true };

const listener = z
  .object({
    HOST: z.string().default('0.0.0.0').meta({ takes: 'an address or a host name' }).describe('Where to listen.'),
    PORT: portNumber.default(3000).describe('The port to listen on; 0 takes any free one.'),
    LOG_LEVEL: z
      .enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` })
      .default('info')
      .describe(
        'The least important lines that are logged. No level prints an id, a token, a payload, a key or an address.',
      ),
    LOG_FORMAT: z
      .enum(LOG_FORMATS, { error: `must be one of ${LOG_FORMATS.join(', ')}` })
      .default('auto')
      .describe('How lines are logged: json for machines, readable for people, auto = readable on a terminal.'),
  })
  .meta({ title: 'Listener and log' });

const keys = z
  .object({
    ONION_PRIVATE_KEY_FILE: z
      .string()
      .default('data/x25519-priv.pem')
      .meta({ takes: 'the path of a file with 64 hexadecimal characters or 32 raw bytes' })
      .describe(
        "The server's X25519 key. Clients are built with the public half of it, which the server prints at start: keep a copy " +
          'in a safe place. Not set = the default is made at a first start, with mode 0600; a file that is named here has to be there ' +
          '(npm run cli -- keygen makes it), and no key is made while the database holds devices.',
      ),
    DATA_KEY_FILE: text
      .meta({
        takes:
          'the path of a file with 64 hexadecimal characters or 32 raw bytes, or with a line of 64 hexadecimal characters ' +
          'for each key that there was, the one in use last',
      })
      .describe(
        'Set = ids and tokens are stored sealed with this key, so that a copy of the database reveals neither. Made with ' +
          'mode 0600 when absent; what the database holds already is sealed at the next start. There is no way back, and ' +
          'without the key all apps have to register again: keep a copy in a safe place, and read docs/operating.md first.',
      ),
  })
  .meta({ title: 'Keys' });

const database = z
  .object({
    DATABASE_URL: databaseUrl('sqlite:data/session-push.sqlite')
      .meta(SECRET)
      .describe(
        "What holds the registry and, without Redis, the queue. SQLite's file and its folder are made when absent; servers " +
          'are MySQL 8 and MariaDB 10.6 or later. ?ssl-mode=REQUIRED, VERIFY_CA or VERIFY_IDENTITY at its end requires TLS.',
      ),
    DATABASE_CA_FILE: readableFile.describe(
      'CA bundle (PEM) for the certificate of MariaDB or MySQL; no other CA is trusted. Set = TLS is required, and the ' +
        'host name is checked too, unless DATABASE_URL ends with ?ssl-mode=VERIFY_CA.',
    ),
    DATABASE_CONNECTIONS: wholeNumber(3, 10_000)
      .optional()
      .describe(
        'The most connections to MariaDB or MySQL of this instance, shared by its WORKERS, each of which needs 3. Not set = ' +
          '16 for each of them.',
      ),
    BACKUP_INTERVAL_HOURS: z.coerce
      .number({ error: 'must be a number of hours' })
      .min(0, 'must not be below 0')
      .max(24 * 365)
      .optional()
      // The default is filled in later: with another database than SQLite, setting it is an error and leaving it out is not.
      .meta({ default: DEFAULT_BACKUP_INTERVAL_HOURS })
      .describe('How often the SQLite file is copied while the server works; 0 = never.'),
    BACKUP_KEEP: wholeNumber(1, 1000)
      .optional()
      .meta({ default: DEFAULT_BACKUP_KEEP })
      .describe('How many copies are kept.'),
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
    REDIS_URL: redisUrl
      .meta(SECRET)
      .describe(
        'Set = BullMQ on Redis carries the queue, and any number of instances may share one MariaDB or MySQL database and ' +
          'this Redis. redis+sentinel://host:port,host:port/name asks Sentinels where the primary of that name is. See ' +
          'docs/operating.md for what Redis must be set to.',
      ),
    ROLE: z
      .enum(ROLES, { error: `must be one of ${ROLES.join(', ')}` })
      .default('all')
      .describe(
        'What this instance does: api accepts requests, worker delivers, monitor watches the storage network, all does all of it.',
      ),
  })
  .meta({ title: 'Several processes and instances' });

const outgoing = z
  .object({
    HTTPS_PROXY: proxyUrl
      .meta(SECRET)
      .describe(
        'The proxy for connections by https (CONNECT): push services and their token endpoints, Web Push ' +
          'servers, the alert hook and sources of the node list. Databases, Redis and storage nodes are reached directly.',
      ),
    NO_PROXY: proxyExceptions.describe('Hosts that are reached without the proxy. A name includes the names below it.'),
  })
  .meta({ title: 'Outgoing connections' });

const operator = z
  .object({
    STATISTICS_USERNAME: text
      .meta({ verbatim: true })
      .describe("User name of the operator's endpoints (Basic authentication). Not set = those endpoints answer 404."),
    STATISTICS_PASSWORD: text
      .refine(
        (password) => password === undefined || password.length >= MIN_PASSWORD_LENGTH,
        `must have at least ${MIN_PASSWORD_LENGTH} characters: whoever reaches the operator's endpoints may guess it`,
      )
      .meta({ takes: `text of at least ${MIN_PASSWORD_LENGTH} characters`, ...PASSWORD })
      .describe(
        "Password of the operator's endpoints. Make one that nobody can guess, for example with: openssl rand -base64 24.",
      ),
    OPERATOR_PORT: portNumber
      .optional()
      .describe(
        "Set = the operator's endpoints have a listener of their own on this port and are no longer on PORT: the " +
          'statistics page, metrics, /docs and the report of /health/ready. On PORT stay the onion paths, terse health and ' +
          'POST /get_statistics_data. Not set = all of them are on PORT, for whoever reaches it and has the password.',
      ),
    OPERATOR_HOST: text
      .meta({ takes: 'an address or a host name' })
      .describe(`Where the operator's listener listens; ${DEFAULT_OPERATOR_HOST} when not set.`),
    STATISTICS_PERIOD_HOURS: hours(12, 24 * 365).describe('How many hours one row of the statistics covers.'),
    ALERT_WEBHOOK_URL: httpUrl
      .meta(SECRET)
      .describe(
        'Where the server posts a message when a provider turns unhealthy or recovers, removal pauses, the queue is ' +
          'late, a certificate expires soon or a backup fails, and once a day the figures. npm run cli -- alert-test sends one.',
      ),
    ALERT_WEBHOOK_FORMAT: z
      .enum(HOOK_FORMATS, { error: `must be one of ${HOOK_FORMATS.join(', ')}` })
      .default('auto')
      .describe(
        'The form of the messages: json has {"text": "..."} and more for programs, which Mattermost and relays take too; ' +
          'auto knows Slack, Discord, Teams and ntfy.sh by their hosts, and takes json for the others.',
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

const network = z
  .object({
    NODE_LIST: nodeList.describe(
      'Where the list of service nodes comes from; the sources are tried in this order, and again after failures. mainnet ' +
        "and testnet have theirs built in. Not set = today's API is off.",
    ),
    NODE_LIST_CA_FILE: readableFile.describe(
      'CA bundle (PEM) for sources of https; no other CA is trusted there. The seeds have certificates of their own. Not set = that of Node.js, with NODE_EXTRA_CA_CERTS.',
    ),
    NODE_LIST_FILE: z
      .string()
      .default('data/node-list.json')
      .meta({ takes: 'the path of a file' })
      .describe('The last good list, which is used when no source answers. Kept by the server.'),
    SWARM_KEY_FILE: z
      .string()
      .default('data/x25519-swarm.key')
      .meta({ takes: 'the path of a file with 64 hexadecimal characters or 32 raw bytes' })
      .describe(
        "This server's X25519 key towards the nodes. Not set = it is made at the default place, with mode 0600, whenever it is absent: nothing " +
          'is lost, nodes forget the old one within 65 minutes. A file that is named here has to be there. Every instance needs its own.',
      ),
  })
  .meta({
    title: "Today's API and the network",
    description: 'On with NODE_LIST: apps subscribe, and the server watches the storage nodes for them.',
  });

const apns = z
  .object({
    APNS_CERT_FILE: readableFile.describe(
      'A certificate for APNs as PEM; the file may hold the key too. A .p12 file with an RSA key, as the Keychain exports ' +
        'it, works as well.',
    ),
    APNS_CERT_KEY_FILE: readableFile.describe("The certificate's key, when it is in a file of its own."),
    APNS_CERT_PASSPHRASE: text.meta(PASSWORD).describe("The passphrase of the certificate's key."),
    APNS_TOKEN_KEY_FILE: readableFile.describe('A .p8 key for APNs, instead of a certificate.'),
    APNS_TOKEN_KEY_ID: identifier.describe("The .p8 key's id."),
    APNS_TOKEN_TEAM_ID: identifier.describe('The id of the team that the .p8 key belongs to.'),
    APNS_TOPIC: identifierOr('com.loki-project.loki-messenger').describe("The app's bundle id."),
    APNS_ENVIRONMENT: z
      .enum(['production', 'sandbox', 'both'], { error: 'must be production, sandbox or both' })
      .default('production')
      .describe(
        'Where the tokens belong. With both, a token that one environment does not know is tried on the other.',
      ),
    APNS_URL: httpsUrl('https://api.push.apple.com').describe('The gateway for production; a proxy, for example.'),
    APNS_SANDBOX_URL: httpsUrl('https://api.sandbox.push.apple.com').describe('The gateway for the sandbox.'),
    APNS_CA_FILE: readableFile.describe(
      'CA bundle (PEM) for these gateways; no other CA is trusted there. Not set = that of Node.js, with NODE_EXTRA_CA_CERTS.',
    ),
  })
  .meta({ title: 'Apple (APNs)', description: 'On with a certificate or with a .p8 key.' });

const fcm = z
  .object({
    FCM_SERVICE_ACCOUNT_FILE: readableFile.describe("The service account's JSON file. Its token_uri is honoured."),
    FCM_URL: httpsUrl('https://fcm.googleapis.com').describe('Where to send; a proxy, for example.'),
    FCM_CA_FILE: readableFile.describe(
      'CA bundle (PEM) for FCM_URL and token_uri; no other CA is trusted there. Not set = that of Node.js, with NODE_EXTRA_CA_CERTS.',
    ),
  })
  .meta({ title: 'Google (FCM)', description: 'On with a service account.' });

const huawei = z
  .object({
    HUAWEI_APP_ID: identifier.describe("The app's id."),
    HUAWEI_APP_SECRET: text.meta(SECRET).describe("The app's secret."),
    HUAWEI_APP_SECRET_FILE: readableFile.describe(
      "A file that holds the app's secret, which may change while the server runs.",
    ),
    HUAWEI_AUTH_URL: httpsUrl('https://oauth-login.cloud.huawei.com').describe('Where access tokens come from.'),
    HUAWEI_PUSH_URL: httpsUrl('https://push-api.cloud.huawei.com').describe('Where to send.'),
    HUAWEI_CA_FILE: readableFile.describe(
      'CA bundle (PEM) for both addresses; no other CA is trusted there. Not set = that of Node.js, with NODE_EXTRA_CA_CERTS.',
    ),
  })
  .meta({ title: 'Huawei (HMS)', description: "On with the app's id and its secret." });

const webpush = z
  .object({
    VAPID_KEY_FILE: readableFile.describe(
      'The P-256 key by which push servers know this server, as PEM (npm run cli -- keygen --vapid makes one). Phones make ' +
        'their endpoints for it: with another one all of them have to subscribe again, so keep a copy in a safe place.',
    ),
    VAPID_SUBJECT: contactUrl.describe('A contact for the operators of push servers.'),
    WEBPUSH_CA_FILE: readableFile.describe(
      'CA bundle (PEM) for push servers; no other CA is trusted there. Not set = that of Node.js, with NODE_EXTRA_CA_CERTS.',
    ),
    WEBPUSH_ALLOWED_HOSTS: hostList.describe(
      'Push servers that may be reached although their addresses are not public: those in your own network. Every other ' +
        'endpoint must be https and lead to a public address.',
    ),
  })
  .meta({
    title: 'Web Push and UnifiedPush',
    description:
      "On with a key and a contact: phones without Google's services are reached through servers that they chose.",
  });

/** The environment by subject; docs/configuration.md and .env.example are made from it (`npm run docs:configuration`). */
export const ENVIRONMENT_SECTIONS = [
  listener,
  keys,
  database,
  instances,
  outgoing,
  operator,
  delivery,
  network,
  apns,
  fcm,
  huawei,
  webpush,
] as const;

/** The environment, variable by variable. An empty value counts as unset. */
export const variablesSchema = z.object({
  ...listener.shape,
  ...keys.shape,
  ...database.shape,
  ...instances.shape,
  ...outgoing.shape,
  ...operator.shape,
  ...delivery.shape,
  ...network.shape,
  ...apns.shape,
  ...fcm.shape,
  ...huawei.shape,
  ...webpush.shape,
});

/** The variables after their checks, with defaults filled in. */
export type Environment = z.infer<typeof variablesSchema>;
export const ENVIRONMENT_VARIABLES = Object.keys(variablesSchema.shape) as (keyof Environment)[];
