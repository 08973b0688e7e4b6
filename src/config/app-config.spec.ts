import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, parseConfig } from './app-config.js';
import { ENVIRONMENT_VARIABLES } from './environment.js';

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

const MADE_WHEN_ABSENT = new Set<string>(['ONION_PRIVATE_KEY_FILE', 'DATA_KEY_FILE']);

describe('parseConfig', () => {
  it('has a default for everything that the server needs', () => {
    expect(parseConfig({})).toEqual({
      host: '0.0.0.0',
      port: 3000,
      logLevel: 'info',
      database: { kind: 'sqlite', path: 'data/session-push.sqlite' },
      backup: { intervalMs: 86_400_000, keep: 7, directory: 'data/backups' },
      redisUrl: null,
      role: 'all',
      workers: 1,
      onionPrivateKeyFile: 'data/x25519-priv.pem',
      deviceUnseenDays: null,
      dataKeyFile: null,
      statistics: { credentials: null, periodMs: 43_200_000 },
      apns: null,
      fcm: null,
      huawei: null,
      notificationTtlMs: 86_400_000,
      alerts: { webhookUrl: null, queueAgeMs: 600_000 },
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
      statistics: { periodMs: 1_800_000 },
      notificationTtlMs: 2_419_200_000,
    });
  });
});

describe('DATABASE_URL', () => {
  it.each([
    ['sqlite:data/push.sqlite', { kind: 'sqlite', path: 'data/push.sqlite' }],
    ['sqlite:/var/lib/push.sqlite', { kind: 'sqlite', path: '/var/lib/push.sqlite' }],
    ['mysql://u:p@h:3306/d', { kind: 'mysql', url: 'mysql://u:p@h:3306/d' }],
    ['mariadb://u:p@h/d', { kind: 'mysql', url: 'mariadb://u:p@h/d' }],
  ])('understands %s', (url, database) => {
    expect(parseConfig({ DATABASE_URL: url }).database).toEqual(database);
  });

  it.each(['sqlite:', 'data/push.sqlite', 'postgres://u:p@h/d', 'mysql://u:p@h', 'mysql://u:p@h/', 'mysql:'])(
    'refuses %s',
    (url) => {
      expect(problemsOf({ DATABASE_URL: url })).toEqual([
        'DATABASE_URL must be sqlite:path or mysql://user:password@host:port/database',
      ]);
    },
  );
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
    ['ROLE', 'both', 'must be one of all, api, worker'],
    ['REDIS_URL', 'localhost:6379', 'must be redis://host:port or rediss://user:password@host:port/number'],
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

  it.each(ENVIRONMENT_VARIABLES.filter((name) => name.endsWith('_FILE') && !MADE_WHEN_ABSENT.has(name)))(
    'of %s is refused when the file cannot be read',
    (name) => {
      expect(problemsOf({ [name]: join(folder, 'absent') })).toContain(`${name} cannot be read`);
      expect(problemsOf({ [name]: folder })).toContain(`${name} cannot be read`);
    },
  );

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

  it('does not hide the others: all are listed at once', () => {
    const problems = problemsOf({ PORT: 'x', LOG_LEVEL: 'y', DATABASE_URL: 'z', FCM_URL: 'f' });
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['PORT', 'LOG_LEVEL', 'DATABASE_URL', 'FCM_URL']);
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
    const { statistics } = parseConfig({ STATISTICS_USERNAME: 'name', STATISTICS_PASSWORD: 'word' });
    expect(statistics.credentials).toEqual({ username: 'name', password: 'word' });
  });

  it('are not configured by half', () => {
    expect(problemsOf({ STATISTICS_USERNAME: 'name' })).toEqual([
      'STATISTICS_PASSWORD must be set because STATISTICS_USERNAME is',
    ]);
    expect(problemsOf({ STATISTICS_PASSWORD: 'word', STATISTICS_USERNAME: '' })).toEqual([
      'STATISTICS_USERNAME must be set because STATISTICS_PASSWORD is',
    ]);
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

describe('alerts', () => {
  it.each(['https://hooks.example.org/T0/B0', 'http://127.0.0.1:8080/relay?chat=1'])('may go to %s', (url) => {
    expect(parseConfig({ ALERT_WEBHOOK_URL: url, ALERT_QUEUE_MINUTES: '0.5' }).alerts).toEqual({
      webhookUrl: url,
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

  it('does without the file', () => {
    process.env.ONION_PRIVATE_KEY_FILE = 'from-environment';
    expect(loadConfig(join(folder, 'absent')).onionPrivateKeyFile).toBe('from-environment');
  });
});
