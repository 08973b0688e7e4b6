import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, misspelledVariables, parseConfig } from './app-config.js';
import { ENVIRONMENT_VARIABLES } from './environment.js';
import { fileOf, SECRETS } from './secrets.js';

let folder: string;
let file: string;
let otherFile: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spns-config-'));
  file = join(folder, 'credential.pem');
  otherFile = join(folder, 'other.pem');
  writeFileSync(file, '');
  writeFileSync(otherFile, '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The problems that stop the start; an empty list = it would start. */
function problemsOf(variables: Record<string, string | undefined>): readonly string[] {
  try {
    parseConfig(variables);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const MADE_WHEN_ABSENT = new Set<string>([
  'ONION_PRIVATE_KEY_FILE',
  'DATA_KEY_FILE',
  'NODE_LIST_FILE',
  'SWARM_KEY_FILE',
]);

describe('parseConfig', () => {
  it('has a default for everything that the server needs', () => {
    expect(parseConfig({})).toEqual({
      host: '0.0.0.0',
      port: 3000,
      operator: null,
      logLevel: 'info',
      logFormat: 'auto',
      database: { kind: 'sqlite', path: 'data/session-push.sqlite' },
      backup: { intervalMs: 86_400_000, keep: 7, directory: 'data/backups' },
      redisUrl: null,
      role: 'all',
      workers: 1,
      onionPrivateKeyFile: 'data/x25519-priv.pem',
      isOnionKeyNamed: false,
      deviceUnseenDays: null,
      dataKeyFile: null,
      statistics: { credentials: null, periodMs: 43_200_000 },
      apns: null,
      fcm: null,
      huawei: null,
      webpush: null,
      notificationTtlMs: 86_400_000,
      proxy: null,
      alerts: { hook: null, queueAgeMs: 600_000 },
      network: null,
    });
  });

  it('takes an empty value for an unset one', () => {
    const empty = Object.fromEntries(ENVIRONMENT_VARIABLES.map((name) => [name, '']));
    expect(parseConfig(empty)).toEqual(parseConfig({}));
  });

  it('reads nothing but its own variables', () => {
    expect(parseConfig({ PATH: '/bin', DATABASE: 'x', port: '1' })).toEqual(parseConfig({}));
  });

  it('cannot be changed', () => {
    const config = parseConfig({});
    expect(Object.isFrozen(config)).toBe(true);
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
  });

  it('takes the listener, the log level, the key file and the times', () => {
    const config = parseConfig({
      HOST: '::1',
      PORT: '0',
      LOG_LEVEL: 'silent',
      ONION_PRIVATE_KEY_FILE: '/keys/onion',
      STATISTICS_PERIOD_HOURS: '0.5',
      NOTIFICATION_TTL_HOURS: '672',
    });
    expect(config).toMatchObject({
      host: '::1',
      port: 0,
      logLevel: 'silent',
      onionPrivateKeyFile: '/keys/onion',
      isOnionKeyNamed: true,
      statistics: { periodMs: 1_800_000 },
      notificationTtlMs: 2_419_200_000,
    });
  });
});

describe('DATABASE_URL', () => {
  it.each([
    ['sqlite:data/push.sqlite', { kind: 'sqlite', path: 'data/push.sqlite' }],
    ['sqlite:/var/lib/push.sqlite', { kind: 'sqlite', path: '/var/lib/push.sqlite' }],
    ['mysql://u:p@h:3306/d', { kind: 'mysql', url: 'mysql://u:p@h:3306/d', caFile: null, connections: 16 }],
    ['mariadb://u:p@h/d', { kind: 'mysql', url: 'mariadb://u:p@h/d', caFile: null, connections: 16 }],
  ])('understands %s', (url, database) => {
    expect(parseConfig({ DATABASE_URL: url }).database).toEqual(database);
  });

  it.each(['sqlite:', 'data/push.sqlite', 'postgres://u:p@h/d', 'mysql://u:p@h', 'mysql://u:p@h/', 'mysql:'])(
    'refuses %s',
    (url) => {
      expect(problemsOf({ DATABASE_URL: url })).toEqual([
        expect.stringContaining('DATABASE_URL must be sqlite:path or mysql://user:password@host:port/database'),
      ]);
    },
  );

  it('has a bound on connections, which processes share', () => {
    const mysql = { DATABASE_URL: 'mysql://u:p@h/d' };
    const connections = (more: Record<string, string>): unknown => parseConfig({ ...mysql, ...more }).database;
    expect(connections({ WORKERS: '4' })).toMatchObject({ connections: 16 });
    expect(connections({ WORKERS: '4', DATABASE_CONNECTIONS: '30' })).toMatchObject({ connections: 7 });
    expect(problemsOf({ ...mysql, WORKERS: '4', DATABASE_CONNECTIONS: '11' })).toEqual([
      'DATABASE_CONNECTIONS must be at least 12: 3 for each of WORKERS',
    ]);
  });

  it('is about a server when its authorities or its connections are set', () => {
    expect(problemsOf({ DATABASE_CONNECTIONS: '5' })).toEqual(['DATABASE_CONNECTIONS is for MariaDB and MySQL only']);
    expect(problemsOf({ DATABASE_CA_FILE: file })).toEqual(['DATABASE_CA_FILE is for MariaDB and MySQL only']);
    const off = { DATABASE_URL: 'mysql://u:p@h/d?ssl-mode=DISABLED', DATABASE_CA_FILE: file };
    expect(problemsOf(off)).toEqual([
      'DATABASE_CA_FILE cannot be used together with ssl-mode=DISABLED in DATABASE_URL',
    ]);
  });
});

describe('a wrong value', () => {
  it.each([
    ['PORT', 'http', 'must be a port number'],
    ['PORT', '80.5', 'must be a port number'],
    ['LOG_LEVEL', 'INFO', 'must be one of fatal, error, warn, info, debug, trace, silent'],
    ['STATISTICS_PERIOD_HOURS', 'daily', 'must be a number of hours'],
    ['STATISTICS_PERIOD_HOURS', '0', 'must be above 0'],
    ['STATISTICS_PERIOD_HOURS', '-1', 'must be above 0'],
    ['NOTIFICATION_TTL_HOURS', 'NaN', 'must be a number of hours'],
    ['NOTIFICATION_TTL_HOURS', '0', 'must be above 0'],
    ['WORKERS', '0', 'must be a whole number from 1 to 64'],
    ['WORKERS', '1.5', 'must be a whole number from 1 to 64'],
    ['ROLE', 'both', 'must be one of all, api, worker, monitor'],
    [
      'REDIS_URL',
      'localhost:6379',
      'must be redis://host:port, rediss://user:password@host:port/number or redis+sentinel://host:port,host:port/name/number, with nothing behind it',
    ],
    [
      'REDIS_URL',
      'redis://localhost/push',
      'must end with the number of the database and nothing else, as in redis://host:6379/1',
    ],
    ['BACKUP_INTERVAL_HOURS', '-1', 'must not be below 0'],
    ['BACKUP_KEEP', '0', 'must be a whole number from 1 to 1000'],
    ['DEVICE_UNSEEN_DAYS', '7', 'must be a whole number from 30 to 3650'],
    ['APNS_ENVIRONMENT', 'development', 'must be production, sandbox or both'],
    ['APNS_URL', 'http://localhost:8443', 'must be https://host or https://host:port'],
    ['APNS_SANDBOX_URL', 'localhost:8443', 'must be https://host or https://host:port'],
    ['FCM_URL', 'fcm', 'must be https://host or https://host:port'],
    ['HUAWEI_AUTH_URL', 'ftp://host', 'must be https://host or https://host:port'],
    ['HUAWEI_PUSH_URL', 'https://', 'must be https://host or https://host:port'],
  ])('of %s (%s) is refused: it %s', (name, value, reason) => {
    expect(problemsOf({ [name]: value })).toEqual([`${name} ${reason}`]);
  });

  it.each([
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['STATISTICS_PERIOD_HOURS', '8761'],
    ['STATISTICS_PERIOD_HOURS', 'Infinity'],
    ['NOTIFICATION_TTL_HOURS', '673'],
  ])('of %s (%s) is refused because of its size', (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} `))]);
  });

  const namesOfFiles = ENVIRONMENT_VARIABLES.filter((name) => name.endsWith('_FILE') && !MADE_WHEN_ABSENT.has(name));
  it.each([...namesOfFiles, ...SECRETS.map(fileOf)])('of %s is refused when the file cannot be read', (name) => {
    const absent = join(folder, 'absent');
    expect(problemsOf({ [name]: absent })).toContain(`${name} cannot be read: there is no ${absent}`);
    expect(problemsOf({ [name]: 'absent' })).toContain(
      `${name} cannot be read: there is no such file in ${process.cwd()}`,
    );
    expect(problemsOf({ [name]: folder })).toContain(`${name} cannot be read: ${folder} (it is a folder)`);
  });

  it.each(['DATA_KEY_FILE', 'ONION_PRIVATE_KEY_FILE'])(
    'of two keys in one file is refused, given %s by a link',
    (name) => {
      const [key, link] = [join(folder, 'key'), join(folder, `link-${name}`)];
      writeFileSync(key, 'x');
      symlinkSync(key, link);
      const problem = 'DATA_KEY_FILE must not be the file of ONION_PRIVATE_KEY_FILE: each key has its own';
      expect(problemsOf({ DATA_KEY_FILE: key, ONION_PRIVATE_KEY_FILE: key, [name]: link })).toEqual([problem]);
      expect(problemsOf({ DATA_KEY_FILE: 'absent/./key', ONION_PRIVATE_KEY_FILE: 'absent/key' })).toEqual([problem]);
      expect(parseConfig({ DATA_KEY_FILE: key }).dataKeyFile).toBe(key);
    },
  );

  it.each(['ONION_PRIVATE_KEY_FILE', 'DATA_KEY_FILE'])('of a swarm key in the file of %s is refused', (name) => {
    const key = join(folder, `shared-${name}`);
    writeFileSync(key, 'x');
    const problem = 'SWARM_KEY_FILE must not be the file of another key: each key has its own';
    expect(problemsOf({ SWARM_KEY_FILE: key, [name]: key })).toEqual([problem]);
  });

  it('does not hide the others: all are listed at once', () => {
    const problems = problemsOf({ PORT: 'x', LOG_LEVEL: 'y', DATABASE_URL: 'z', FCM_URL: 'f' });
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['PORT', 'LOG_LEVEL', 'DATABASE_URL', 'FCM_URL']);
  });

  it('does not hide what it needs of others', () => {
    expect(problemsOf({ PORT: 'x', APNS_TOKEN_KEY_ID: 'id', ROLE: 'api', STATISTICS_PASSWORD: 'long enough' })).toEqual(
      [
        'PORT must be a port number',
        'STATISTICS_USERNAME must be set because STATISTICS_PASSWORD is',
        'APNS_TOKEN_KEY_FILE must be set because APNS_TOKEN_KEY_ID is',
        'APNS_TOKEN_TEAM_ID must be set because APNS_TOKEN_KEY_ID is',
        'ROLE cannot be api without REDIS_URL: there one instance does everything',
        expect.stringMatching(/^DATABASE_URL must be mysql/),
      ],
    );
  });

  it('is never repeated', () => {
    const secret = 'do-not-print';
    const problems = ENVIRONMENT_VARIABLES.flatMap((name) => problemsOf({ [name]: secret }));
    expect(problems.length).toBeGreaterThan(ENVIRONMENT_VARIABLES.length / 2);
    expect(inspect(new ConfigError(problems))).not.toContain(secret);
  });
});

describe('ConfigError', () => {
  it('reads as a list', () => {
    expect(() => parseConfig({ PORT: 'x', LOG_LEVEL: 'y' })).toThrow(
      new ConfigError([
        'PORT must be a port number',
        'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent',
      ]),
    );
    expect(new ConfigError(['A is wrong', 'B is wrong']).message).toBe(
      'The configuration is not usable:\n  - A is wrong\n  - B is wrong',
    );
  });
});

describe('several instances', () => {
  const mysql = { DATABASE_URL: 'mysql://u:p@h/d' };
  const redis = { REDIS_URL: 'redis://h:6379' };

  it('share Redis and a database server', () => {
    expect(parseConfig({ ...mysql, ...redis, ROLE: 'api', WORKERS: '4' })).toMatchObject({
      redisUrl: 'redis://h:6379',
      role: 'api',
      workers: 4,
    });
  });

  it.each(['api', 'worker'])('need Redis for the role %s', (ROLE) => {
    expect(problemsOf({ ...mysql, ROLE })).toEqual([
      `ROLE cannot be ${ROLE} without REDIS_URL: there one instance does everything`,
    ]);
  });

  it.each(['api', 'worker'])('cannot share a SQLite file for the role %s', (ROLE) => {
    expect(problemsOf({ ...redis, ROLE })).toEqual([
      `DATABASE_URL must be mysql://... because ROLE is ${ROLE}: instances cannot share a SQLite file`,
    ]);
  });

  it('may be one that uses Redis with SQLite', () => {
    expect(parseConfig(redis)).toMatchObject({ role: 'all', database: { kind: 'sqlite' } });
  });
});

describe('backups', () => {
  it('lie beside the database unless they are told otherwise', () => {
    expect(parseConfig({ DATABASE_URL: 'sqlite:/var/lib/push.sqlite' }).backup?.directory).toBe('/var/lib/backups');
    const told = { BACKUP_DIRECTORY: '/mnt/copies', BACKUP_INTERVAL_HOURS: '0.5', BACKUP_KEEP: '2' };
    expect(parseConfig(told).backup).toEqual({ directory: '/mnt/copies', intervalMs: 1_800_000, keep: 2 });
  });

  it('are off with an interval of 0', () => {
    expect(parseConfig({ BACKUP_INTERVAL_HOURS: '0' }).backup).toBeNull();
  });

  it('are left to the tools of another database', () => {
    const mysql = { DATABASE_URL: 'mysql://u:p@h/d' };
    expect(parseConfig(mysql).backup).toBeNull();
    for (const told of [{ BACKUP_INTERVAL_HOURS: '24' }, { BACKUP_KEEP: '7' }, { BACKUP_DIRECTORY: 'x' }]) {
      expect(problemsOf({ ...mysql, ...told })).toEqual([
        `${Object.keys(told)[0]} is for SQLite only: back this database up with its own tools, see docs/operating.md`,
      ]);
    }
  });
});

describe('the statistics endpoints', () => {
  it('have credentials when both are set', () => {
    const { statistics } = parseConfig({ STATISTICS_USERNAME: 'name', STATISTICS_PASSWORD: 'password' });
    expect(statistics.credentials).toEqual({ username: 'name', password: 'password' });
  });

  it('are not configured by half', () => {
    expect(problemsOf({ STATISTICS_USERNAME: 'name' })).toEqual([
      'STATISTICS_PASSWORD must be set because STATISTICS_USERNAME is',
    ]);
    expect(problemsOf({ STATISTICS_PASSWORD: 'password', STATISTICS_USERNAME: '' })).toEqual([
      'STATISTICS_USERNAME must be set because STATISTICS_PASSWORD is',
    ]);
  });

  it('have no password that is guessed in no time', () => {
    expect(problemsOf({ STATISTICS_USERNAME: 'name', STATISTICS_PASSWORD: '7-chars' })).toEqual([
      "STATISTICS_PASSWORD must have at least 8 characters: whoever reaches the operator's endpoints may guess it",
    ]);
  });
});

describe("the operator's listener", () => {
  it('is on the loopback unless another address is named', () => {
    expect(parseConfig({ OPERATOR_PORT: '3001' }).operator).toEqual({ host: '127.0.0.1', port: 3001 });
    const told = { OPERATOR_HOST: '10.0.0.1', OPERATOR_PORT: '3001' };
    expect(parseConfig(told).operator).toEqual({ host: '10.0.0.1', port: 3001 });
  });

  it('has a port of its own', () => {
    expect(problemsOf({ OPERATOR_PORT: '3000' })).toEqual([
      'OPERATOR_PORT must not be PORT: it is to be a listener of its own',
    ]);
    expect(problemsOf({ OPERATOR_HOST: '10.0.0.1' })).toEqual(['OPERATOR_PORT must be set because OPERATOR_HOST is']);
    expect(problemsOf({ OPERATOR_PORT: 'x' })).toEqual(['OPERATOR_PORT must be a port number']);
  });
});

describe('APNs', () => {
  const token = () => ({ APNS_TOKEN_KEY_FILE: file, APNS_TOKEN_KEY_ID: 'KEY', APNS_TOKEN_TEAM_ID: 'TEAM' });

  it('has defaults for all but its credentials', () => {
    expect(parseConfig(token()).apns).toEqual({
      auth: { kind: 'token', keyFile: file, keyId: 'KEY', teamId: 'TEAM' },
      topic: 'com.loki-project.loki-messenger',
      environment: 'production',
      productionUrl: 'https://api.push.apple.com',
      sandboxUrl: 'https://api.sandbox.push.apple.com',
      caFile: null,
    });
  });

  it('can be led to other gateways', () => {
    const gateways = { APNS_URL: 'https://a:1', APNS_SANDBOX_URL: 'https://b:2', APNS_CA_FILE: otherFile };
    expect(parseConfig({ ...token(), ...gateways, APNS_TOPIC: 'a.b', APNS_ENVIRONMENT: 'both' }).apns).toMatchObject({
      topic: 'a.b',
      environment: 'both',
      productionUrl: 'https://a:1',
      sandboxUrl: 'https://b:2',
      caFile: otherFile,
    });
  });

  it('takes a certificate that holds its key, or one with a key file and a passphrase', () => {
    expect(parseConfig({ APNS_CERT_FILE: file }).apns?.auth).toEqual({
      kind: 'certificate',
      certFile: file,
      keyFile: null,
      passphrase: null,
    });
    const separate = { APNS_CERT_FILE: file, APNS_CERT_KEY_FILE: otherFile, APNS_CERT_PASSPHRASE: 'open' };
    expect(parseConfig(separate).apns?.auth).toEqual({
      kind: 'certificate',
      certFile: file,
      keyFile: otherFile,
      passphrase: 'open',
    });
  });

  it.each([
    [['APNS_TOKEN_KEY_FILE'], ['APNS_TOKEN_KEY_ID', 'APNS_TOKEN_TEAM_ID']],
    [['APNS_TOKEN_KEY_ID'], ['APNS_TOKEN_KEY_FILE', 'APNS_TOKEN_TEAM_ID']],
    [['APNS_TOKEN_TEAM_ID'], ['APNS_TOKEN_KEY_FILE', 'APNS_TOKEN_KEY_ID']],
    [['APNS_TOKEN_KEY_FILE', 'APNS_TOKEN_KEY_ID'], ['APNS_TOKEN_TEAM_ID']],
    [['APNS_TOKEN_KEY_ID', 'APNS_TOKEN_TEAM_ID'], ['APNS_TOKEN_KEY_FILE']],
  ] as const)('with %s lacks %s', (present, missing) => {
    const all: Record<string, string> = token();
    const problems = problemsOf(Object.fromEntries(present.map((name) => [name, all[name]])));
    expect(problems).toEqual(missing.map((name) => `${name} must be set because ${present[0]} is`));
  });

  it.each(['APNS_CERT_KEY_FILE', 'APNS_CERT_PASSPHRASE'])('with %s alone lacks the certificate', (name) => {
    expect(problemsOf({ [name]: file })).toEqual([`APNS_CERT_FILE must be set because ${name} is`]);
  });

  it('takes one kind of credential, not both', () => {
    expect(problemsOf({ ...token(), APNS_CERT_FILE: file })).toEqual([
      'APNS_CERT_FILE cannot be used together with APNS_TOKEN_KEY_FILE: choose one',
    ]);
  });
});

describe('FCM', () => {
  it('needs its service account and nothing else', () => {
    expect(parseConfig({ FCM_SERVICE_ACCOUNT_FILE: file }).fcm).toEqual({
      serviceAccountFile: file,
      url: 'https://fcm.googleapis.com',
      caFile: null,
    });
  });

  it('can be led to another gateway', () => {
    const variables = { FCM_SERVICE_ACCOUNT_FILE: file, FCM_URL: 'https://f:1', FCM_CA_FILE: otherFile };
    expect(parseConfig(variables).fcm).toMatchObject({ url: 'https://f:1', caFile: otherFile });
  });
});

describe('Huawei', () => {
  it('takes the secret itself or a file that holds it', () => {
    expect(parseConfig({ HUAWEI_APP_ID: 'app', HUAWEI_APP_SECRET: 'word' }).huawei).toEqual({
      appId: 'app',
      appSecret: { kind: 'value', value: 'word' },
      authUrl: 'https://oauth-login.cloud.huawei.com',
      pushUrl: 'https://push-api.cloud.huawei.com',
      caFile: null,
    });
    const fromFile = parseConfig({ HUAWEI_APP_ID: 'app', HUAWEI_APP_SECRET_FILE: file }).huawei;
    expect(fromFile?.appSecret).toEqual({ kind: 'file', file });
  });

  it('can be led to other gateways', () => {
    const gateways = { HUAWEI_AUTH_URL: 'https://a:1', HUAWEI_PUSH_URL: 'https://b:2', HUAWEI_CA_FILE: otherFile };
    expect(parseConfig({ HUAWEI_APP_ID: 'app', HUAWEI_APP_SECRET: 'word', ...gateways }).huawei).toMatchObject({
      authUrl: 'https://a:1',
      pushUrl: 'https://b:2',
      caFile: otherFile,
    });
  });

  it('is not configured by half', () => {
    expect(problemsOf({ HUAWEI_APP_ID: 'app' })).toEqual(['HUAWEI_APP_SECRET must be set because HUAWEI_APP_ID is']);
    for (const secret of [{ HUAWEI_APP_SECRET: 'word' }, { HUAWEI_APP_SECRET_FILE: file }]) {
      expect(problemsOf(secret)).toEqual(['HUAWEI_APP_ID must be set because the Huawei secret is']);
    }
  });

  it('takes one secret, not two', () => {
    expect(problemsOf({ HUAWEI_APP_ID: 'app', HUAWEI_APP_SECRET: 'word', HUAWEI_APP_SECRET_FILE: file })).toEqual([
      'HUAWEI_APP_SECRET cannot be used together with HUAWEI_APP_SECRET_FILE: choose one',
    ]);
  });
});

describe('Web Push', () => {
  const withKey = (more: Record<string, string> = {}) => ({
    VAPID_KEY_FILE: file,
    VAPID_SUBJECT: 'mailto:somebody@example.org',
    ...more,
  });

  it('takes a key and a contact', () => {
    expect(parseConfig(withKey()).webpush).toEqual({
      keyFile: file,
      subject: 'mailto:somebody@example.org',
      caFile: null,
      allowedHosts: [],
    });
    const more = { WEBPUSH_CA_FILE: otherFile, WEBPUSH_ALLOWED_HOSTS: 'Ntfy, push.lan:8443 ,[fd00::1],10.0.0.7:443' };
    expect(parseConfig(withKey(more)).webpush).toMatchObject({
      caFile: otherFile,
      allowedHosts: ['ntfy', 'push.lan:8443', '[fd00::1]', '10.0.0.7:443'],
    });
  });

  it.each(['mailto:somebody', 'somebody@example.org', 'http://example.org', 'https://localhost/x', 'mailto:a@b@c'])(
    'takes no contact like %s',
    (subject) => {
      expect(problemsOf(withKey({ VAPID_SUBJECT: subject }))).toEqual([
        'VAPID_SUBJECT must be mailto:somebody@example.org or https://example.org/contact',
      ]);
    },
  );

  it.each(['https://ntfy', 'ntfy/x', 'a b', ',', 'user@ntfy', 'ntfy:99999', '0x7f.1', 'fd00::1'])(
    'takes no host like %s',
    (host) => {
      const [problem] = problemsOf(withKey({ WEBPUSH_ALLOWED_HOSTS: host }));
      expect(problem).toContain('WEBPUSH_ALLOWED_HOSTS must be host names or addresses');
    },
  );

  it('is not configured by half', () => {
    expect(problemsOf({ VAPID_KEY_FILE: file })).toEqual(['VAPID_SUBJECT must be set because VAPID_KEY_FILE is']);
    expect(problemsOf({ VAPID_SUBJECT: 'mailto:somebody@example.org' })).toEqual([
      'VAPID_KEY_FILE must be set because VAPID_SUBJECT is',
    ]);
    expect(problemsOf({ WEBPUSH_ALLOWED_HOSTS: 'ntfy' })).toEqual([
      'VAPID_KEY_FILE must be set because WEBPUSH_ALLOWED_HOSTS is',
    ]);
  });
});

describe('alerts', () => {
  it.each(['https://hooks.example.org/T0/B0', 'http://127.0.0.1:8080/relay?chat=1'])('may go to %s', (url) => {
    expect(parseConfig({ ALERT_WEBHOOK_URL: url, ALERT_QUEUE_MINUTES: '0.5' }).alerts).toEqual({
      hook: { url, format: 'auto' },
      queueAgeMs: 30_000,
    });
  });

  it.each(['hooks.example.org', 'ftp://hooks.example.org/', '/relay'])('cannot go to %s', (url) => {
    expect(problemsOf({ ALERT_WEBHOOK_URL: url })).toEqual(['ALERT_WEBHOOK_URL must be https://... or http://...']);
  });

  it.each(['0', '-1', 'soon'])('do not wait %s minutes', (minutes) => {
    expect(problemsOf({ ALERT_QUEUE_MINUTES: minutes })).toHaveLength(1);
  });
});

describe('loadConfig', () => {
  const before = process.env.ONION_PRIVATE_KEY_FILE;
  afterEach(() => {
    if (before === undefined) delete process.env.ONION_PRIVATE_KEY_FILE;
    else process.env.ONION_PRIVATE_KEY_FILE = before;
  });

  it('reads the file, and the environment outweighs it', () => {
    const envFile = join(folder, 'env');
    writeFileSync(envFile, 'HOST=from-file\nONION_PRIVATE_KEY_FILE="from file" # a comment\n');
    delete process.env.ONION_PRIVATE_KEY_FILE;
    expect(loadConfig(envFile)).toMatchObject({ host: 'from-file', onionPrivateKeyFile: 'from file' });
    process.env.ONION_PRIVATE_KEY_FILE = 'from-environment';
    expect(loadConfig(envFile)).toMatchObject({ host: 'from-file', onionPrivateKeyFile: 'from-environment' });
  });

  it('says why the file cannot be read', () => {
    const envFile = join(folder, 'env-folder');
    mkdirSync(envFile);
    expect(() => loadConfig(envFile)).toThrow(`${envFile} cannot be read: it is a folder`);
  });

  it('reads # and spaces in quotes', () => {
    const envFile = join(folder, 'env-quotes');
    writeFileSync(envFile, `STATISTICS_USERNAME='#1 '\nSTATISTICS_PASSWORD="it's # mine"\n`);
    expect(loadConfig(envFile).statistics.credentials).toEqual({ username: '#1 ', password: "it's # mine" });
  });

  it('tells which variables it does not know although they look like its own', () => {
    const envFile = join(folder, 'env-misspelled');
    const others = 'HOME=x\nREDIS_PASSWORD=x\nMARIADB_PASSWORD=x\nNODE_ENV=x\nPATH=x\nDATABASE_POOL=x';
    writeFileSync(envFile, `${others}\nAPNS_CERTIFICATE=x\nDATABASE_URI=x\nfcm_url=x\nSTATISTIC_USERNAME=x\nPORT=1\n`);
    expect(misspelledVariables(envFile)).toEqual(['APNS_CERTIFICATE', 'DATABASE_URI', 'STATISTIC_USERNAME', 'fcm_url']);
  });

  it('does without the file', () => {
    process.env.ONION_PRIVATE_KEY_FILE = 'from-environment';
    expect(loadConfig(join(folder, 'absent')).onionPrivateKeyFile).toBe('from-environment');
  });
});

describe('the network', () => {
  it('is off without a list of nodes', () => {
    expect(parseConfig({ SWARM_KEY_FILE: import.meta.filename }).network).toBeNull();
  });

  it('has built-in sources, of which only public addresses are taken, and a key that may be made', () => {
    expect(parseConfig({ NODE_LIST: 'testnet' }).network).toMatchObject({
      sources: [{ kind: 'oxenmq' }, { kind: 'json-rpc' }],
      publicAddressesOnly: true,
      caFile: null,
      listFile: 'data/node-list.json',
      keyFile: 'data/x25519-swarm.key',
      mayMakeKeyFile: true,
    });
  });

  it('may be one of our own, with a key file that must be there', () => {
    const variables = { NODE_LIST: 'tcp://127.0.0.1:22023', SWARM_KEY_FILE: import.meta.filename };
    expect(parseConfig(variables).network).toMatchObject({
      sources: [{ kind: 'oxenmq', address: { host: '127.0.0.1', port: 22_023 }, key: null }],
      publicAddressesOnly: false,
      keyFile: import.meta.filename,
      mayMakeKeyFile: false,
    });
  });

  it('makes no key in its default place either when that was named', () => {
    const variables = { NODE_LIST: 'testnet', SWARM_KEY_FILE: 'data/x25519-swarm.key' };
    expect(parseConfig(variables).network).toMatchObject({ mayMakeKeyFile: false });
  });

  it('has sources that can be read', () => {
    expect(problemsOf({ NODE_LIST: 'stagenet' })).toEqual([
      expect.stringMatching(/^NODE_LIST must be mainnet, testnet/),
    ]);
  });
});
