import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AppConfig, ConfigError, loadConfig, misspelledVariables, parseConfig } from './app-config.js';
import { ENVIRONMENT_VARIABLES } from './environment.js';
import { fileOf, SECRETS } from './secrets.js';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'spns-values-'))));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: string | Buffer): string {
  const path = join(folder, `file-${++files}`);
  writeFileSync(path, content);
  return path;
}

const utf16 = (text: string): Buffer => Buffer.from(`\uFEFF${text}`, 'utf16le');

function problemsOf(read: () => AppConfig): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const refused = (variables: Record<string, string>): readonly string[] => problemsOf(() => parseConfig(variables));

/** As with `docker run --env-file`, which takes a line as it stands. */
describe('a value of the process', () => {
  const MYSQL = 'mysql://u:p@h/d';
  const urlOf = (DATABASE_URL: string): unknown => {
    const { database } = parseConfig({ DATABASE_URL });
    return database.kind === 'mysql' ? database.url : database.path;
  };

  it.each([
    ['a line end of Windows', `${MYSQL}\r`],
    ['blanks', `  ${MYSQL}\t `],
    ['a byte order mark', `\uFEFF${MYSQL}`],
    ['double quotes', `"${MYSQL}"`],
    ['single quotes and a line end', `'${MYSQL}'\r`],
  ])('is read without %s around it', (_what, value) => {
    expect(urlOf(value)).toBe(MYSQL);
  });

  it('is not set when nothing else is there', () => {
    expect(parseConfig({ DATABASE_URL: ' \r', APNS_TOPIC: '""', PORT: '\t' })).toEqual(parseConfig({}));
  });

  it.each([
    ['APNS_TOPIC', 'org.example\u200b.app', 'holds a character that cannot be seen (U+200B): write it anew'],
    ['FCM_URL', 'https://fcm\r.example.org', 'holds a character that cannot be seen (U+000D): write it anew'],
    ['NODE_LIST', '"mainnet', 'has a quote at one of its ends: take it away'],
    ['HUAWEI_APP_ID', '123 456', 'must be letters, digits, dots, dashes, underscores and colons'],
    ['APNS_TOKEN_KEY_ID', 'KEY/ID', 'must be letters, digits, dots, dashes, underscores and colons'],
  ])('of %s is refused by name when it cannot be meant so', (name, value, problem) => {
    expect(refused({ [name]: value })).toContain(`${name} ${problem}`);
  });

  describe('that is a password', () => {
    const passwordOf = (STATISTICS_PASSWORD: string): string | undefined =>
      parseConfig({ STATISTICS_USERNAME: 'name', STATISTICS_PASSWORD }).statistics.credentials?.password;

    it('loses a line end, and nothing else', () => {
      expect(passwordOf('it is "mine"\r')).toBe('it is "mine"');
    });

    it.each([
      [
        'a blank password ',
        /^STATISTICS_PASSWORD begins or ends with a blank: take it away; if it belongs to the value, /,
      ],
      ['"a quoted password"', /^STATISTICS_PASSWORD is in quotes: take them away; if it belongs to the value, /],
      ['two lines\nof password', /^STATISTICS_PASSWORD has several lines$/],
    ])('is refused when nobody can tell what belongs to it (%j)', (password, problem) => {
      expect(refused({ STATISTICS_USERNAME: 'name', STATISTICS_PASSWORD: password })).toEqual([
        expect.stringMatching(problem),
      ]);
    });

    it('may have blanks and quotes at its ends when it is in a file', () => {
      const given = { STATISTICS_USERNAME: 'name', STATISTICS_PASSWORD_FILE: file('"a quoted password" \n') };
      expect(parseConfig(given).statistics.credentials?.password).toBe('"a quoted password" ');
    });
  });
});

describe('NAME_FILE', () => {
  /** A usable value of each secret, and what the configuration makes of it. */
  const VALUES: Record<string, [value: string, needs: Record<string, string>, read: (config: AppConfig) => unknown]> = {
    DATABASE_URL: ['mysql://u:p@h/d', {}, ({ database }) => database.kind === 'mysql' && database.url],
    REDIS_URL: ['redis://:p@h:6379/1', {}, ({ redisUrl }) => redisUrl],
    STATISTICS_PASSWORD: [
      'a long one',
      { STATISTICS_USERNAME: 'u' },
      ({ statistics }) => statistics.credentials?.password,
    ],
    HTTPS_PROXY: ['http://u:p@h:3128', {}, ({ proxy }) => proxy && 'http://u:p@h:3128'],
    ALERT_WEBHOOK_URL: ['https://hooks.example.org/T0/B0', {}, ({ alerts }) => alerts.hook?.url],
    APNS_CERT_PASSPHRASE: [
      'open sesame',
      { APNS_CERT_FILE: import.meta.filename },
      ({ apns }) => apns?.auth.kind === 'certificate' && apns.auth.passphrase,
    ],
  };

  it('is there for everything secret that the settings have', () => {
    const inDoubt = ENVIRONMENT_VARIABLES.filter((name) =>
      /PASS|SECRET$|^(DATABASE|REDIS|ALERT_WEBHOOK)_URL$/.test(name),
    );
    // Huawei's has a file of its own, which may change while the server runs.
    expect(SECRETS).toEqual(expect.arrayContaining(inDoubt.filter((name) => name !== 'HUAWEI_APP_SECRET')));
    expect(Object.keys(VALUES).toSorted()).toEqual(SECRETS.toSorted());
  });

  it.each(SECRETS)('of %s is read without its last line end, in every spelling of a text', (name) => {
    const [value, needs, read] = VALUES[name] ?? ['', {}, () => undefined];
    for (const content of [value, `${value}\n`, `${value}\r\n`, `\uFEFF${value}\n`, utf16(`${value}\r\n`)]) {
      expect(read(parseConfig({ ...needs, [fileOf(name)]: file(content) }))).toBe(value);
    }
  });

  it.each(SECRETS)('and %s are not both set', (name) => {
    const [value, needs] = VALUES[name] ?? ['', {}];
    expect(refused({ ...needs, [name]: value, [fileOf(name)]: file(value) })).toEqual([
      `${name} cannot be used together with ${name}_FILE: choose one`,
    ]);
  });

  it.each(SECRETS)('of %s is refused by its name and path when it holds nothing, or no text', (name) => {
    const [, needs] = VALUES[name] ?? ['', {}];
    const refusedWith = (content: string | Buffer): readonly string[] => {
      const path = file(content);
      return refused({ ...needs, [fileOf(name)]: path }).map((problem) => problem.replace(path, 'PATH'));
    };
    expect(refusedWith('\n')).toEqual([`${name}_FILE (PATH) is empty`]);
    expect(refusedWith(Buffer.of(0x70, 0xff))).toEqual([`${name}_FILE (PATH) is not text in UTF-8: save it in UTF-8`]);
  });

  it('names the file when what it holds cannot be used, and repeats nothing of it', () => {
    const path = file('postgres://user:do-not-print@h/d');
    expect(refused({ DATABASE_URL_FILE: path })).toEqual([
      `DATABASE_URL_FILE (${path}) must be sqlite:path or mysql://user:password@host:port/database`,
    ]);
  });

  it('is no misspelled variable', () => {
    const names = SECRETS.map((name) => `${fileOf(name)}=x`).join('\n');
    expect(misspelledVariables(file(names))).toEqual([]);
  });
});

describe('.env', () => {
  beforeEach(() => {
    for (const name of [...ENVIRONMENT_VARIABLES, ...SECRETS.map(fileOf)]) vi.stubEnv(name, undefined);
  });
  afterEach(() => void vi.unstubAllEnvs());

  it.each([
    ['a byte order mark', `\uFEFFDATABASE_URL=sqlite:/x\nPORT=4000\n`],
    ['UTF-16', utf16('DATABASE_URL=sqlite:/x\r\nPORT=4000\r\n')],
    ['line ends of Windows', 'DATABASE_URL=sqlite:/x\r\nPORT=4000\r\n'],
    ['line ends of old Macs', 'DATABASE_URL=sqlite:/x\rPORT=4000\r'],
    ['trailing blanks', 'DATABASE_URL=sqlite:/x  \nPORT=4000\t\n'],
    ['quotes', `DATABASE_URL="sqlite:/x"\nPORT='4000'\n`],
    ['export', 'export DATABASE_URL=sqlite:/x\nexport PORT=4000\n'],
    ['comments and empty lines', '# one\n\n  # two\nDATABASE_URL=sqlite:/x # three\nPORT=4000'],
  ])('is read with %s', (_what, content) => {
    expect(loadConfig(file(content))).toMatchObject({ database: { path: '/x' }, port: 4000 });
  });

  it.each([
    ['a line that is none', 'PORT=4000\nDATABASE_URL mysql://u:secret@h/d\n', 'has no NAME=value in line 2'],
    ['a name alone', 'FCM_URL\nPORT=1', 'has no NAME=value in line 1'],
    ['a name that is none', 'PORT=1\n\n1PORT=4000\n', 'has no NAME=value in line 3'],
    [
      'a quote that is not closed',
      `PORT=1\nNODE_LIST="mainnet\nDATABASE_URL="sqlite:/x"\n`,
      'has a quote at NODE_LIST that is not closed in its line',
    ],
    ['Latin-1', Buffer.from('STATISTICS_USERNAME=J\xfcrgen', 'latin1'), 'is not text in UTF-8: save it in UTF-8'],
    ['UTF-16 without a mark', Buffer.from('PORT=1', 'utf16le'), 'holds bytes of zero: save it as text in UTF-8'],
  ])('is refused with %s, by its whole path', (_what, content, problem) => {
    const path = file(content);
    expect(problemsOf(() => loadConfig(path))[0]).toBe(`${path} ${problem}`);
    expect(problemsOf(() => loadConfig(path)).join('\n')).not.toContain('secret');
  });

  it('lists what is wrong with its values in the same round', () => {
    const path = file('PORT=x\noops\n');
    expect(problemsOf(() => loadConfig(path))).toEqual([
      `${path} has no NAME=value in line 2`,
      'PORT must be a port number',
    ]);
  });

  it('may name the file of a secret', () => {
    const secret = file('redis://:p@h:6379\n');
    expect(loadConfig(file(`REDIS_URL_FILE="${secret}"\n`)).redisUrl).toBe('redis://:p@h:6379');
  });
});

describe('a file among the credentials of systemd', () => {
  it.each(['$CREDENTIALS_DIRECTORY', '${CREDENTIALS_DIRECTORY}'])(
    'is looked for in the folder of the unit, as %s',
    (as) => {
      const key = file('key');
      const variables = {
        APNS_CERT_FILE: `${as}/${basename(key)}`,
        APNS_CERT_PASSPHRASE_FILE: `${as}/${basename(file('open'))}`,
      };
      expect(parseConfig({ ...variables, CREDENTIALS_DIRECTORY: folder }).apns?.auth).toMatchObject({
        certFile: key,
        passphrase: 'open',
      });
      expect(refused({ ...variables, CREDENTIALS_DIRECTORY: '/else$&where' })[0]).toContain(
        'there is no /else$&where/',
      );
      expect(refused({ APNS_CERT_FILE: variables.APNS_CERT_FILE })[0]).toContain('cannot be read: there is no');
    },
  );

  it('is none where the name is not the beginning of a path, or not of a file', () => {
    const variables = { CREDENTIALS_DIRECTORY: folder, APNS_TOPIC: 'org.example', FCM_URL: 'https://fcm.example.org' };
    expect(refused({ ...variables, APNS_CERT_FILE: '/a/$CREDENTIALS_DIRECTORY/b' })[0]).toContain(
      '/a/$CREDENTIALS_DIRECTORY/b',
    );
    expect(refused({ ...variables, APNS_CERT_FILE: '$CREDENTIALS_DIRECTORYS/b' })[0]).toContain(
      '$CREDENTIALS_DIRECTORYS/b',
    );
    expect(parseConfig({ ...variables })).toEqual(
      parseConfig({ FCM_URL: variables.FCM_URL, APNS_TOPIC: 'org.example' }),
    );
  });
});
