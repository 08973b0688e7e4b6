import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDatabaseUrl } from './database-url.js';
import { type Environment, variablesSchema } from './environment.js';

/** The instance's lock, a transaction and a lookup. */
const LEAST_CONNECTIONS = 3;

type Name = keyof Environment;

/** What must be set together and what must not: a provider configured by half would silently drop its pushes. */
interface Rule {
  /** What docs/configuration.md says about it at these variables. */
  readonly notes: Partial<Record<Name, string>>;
  readonly problems: (env: Environment) => readonly Problem[];
}

export interface Problem {
  readonly name: Name;
  readonly message: string;
}

export const ENVIRONMENT_RULES: readonly Rule[] = [
  {
    notes: { DATA_KEY_FILE: 'Must not be the file of ONION_PRIVATE_KEY_FILE.' },
    problems: ({ DATA_KEY_FILE: data, ONION_PRIVATE_KEY_FILE: onion }) =>
      data !== undefined && isSameFile(data, onion)
        ? [{ name: 'DATA_KEY_FILE', message: 'must not be the file of ONION_PRIVATE_KEY_FILE: each key has its own' }]
        : [],
  },
  {
    notes: { SWARM_KEY_FILE: 'Must not be the file of ONION_PRIVATE_KEY_FILE or of DATA_KEY_FILE.' },
    problems: ({ SWARM_KEY_FILE: swarm, ONION_PRIVATE_KEY_FILE: onion, DATA_KEY_FILE: data }) =>
      [onion, data].some((file) => file !== undefined && isSameFile(swarm, file))
        ? [{ name: 'SWARM_KEY_FILE', message: 'must not be the file of another key: each key has its own' }]
        : [],
  },
  together('STATISTICS_USERNAME', 'STATISTICS_PASSWORD'),
  needs('OPERATOR_HOST', 'OPERATOR_PORT'),
  {
    notes: { OPERATOR_PORT: 'Must not be PORT.' },
    problems: ({ OPERATOR_PORT: operator, PORT: port }) =>
      operator !== undefined && operator === port && port !== 0
        ? [{ name: 'OPERATOR_PORT', message: 'must not be PORT: it is to be a listener of its own' }]
        : [],
  },
  together('APNS_TOKEN_KEY_FILE', 'APNS_TOKEN_KEY_ID', 'APNS_TOKEN_TEAM_ID'),
  needs('APNS_CERT_KEY_FILE', 'APNS_CERT_FILE'),
  needs('APNS_CERT_PASSPHRASE', 'APNS_CERT_FILE'),
  oneOf('APNS_CERT_FILE', 'APNS_TOKEN_KEY_FILE'),
  together('VAPID_KEY_FILE', 'VAPID_SUBJECT'),
  needs('WEBPUSH_CA_FILE', 'VAPID_KEY_FILE'),
  needs('WEBPUSH_ALLOWED_HOSTS', 'VAPID_KEY_FILE'),
  needs('NO_PROXY', 'HTTPS_PROXY'),
  oneOf('HUAWEI_APP_SECRET', 'HUAWEI_APP_SECRET_FILE'),
  {
    notes: {
      HUAWEI_APP_ID: 'Needs HUAWEI_APP_SECRET or HUAWEI_APP_SECRET_FILE.',
      HUAWEI_APP_SECRET: 'Needs HUAWEI_APP_ID.',
      HUAWEI_APP_SECRET_FILE: 'Needs HUAWEI_APP_ID.',
    },
    problems: ({ HUAWEI_APP_ID: id, HUAWEI_APP_SECRET: secret, HUAWEI_APP_SECRET_FILE: file }) => {
      if (id !== undefined && secret === undefined && file === undefined)
        return [missing('HUAWEI_APP_SECRET', 'HUAWEI_APP_ID')];
      if (id === undefined && (secret !== undefined || file !== undefined))
        return [missing('HUAWEI_APP_ID', 'the Huawei secret')];
      return [];
    },
  },
  {
    notes: { ROLE: 'The roles api and worker need REDIS_URL.' },
    problems: ({ ROLE, REDIS_URL }) =>
      ROLE !== 'all' && REDIS_URL === undefined
        ? [{ name: 'ROLE', message: `cannot be ${ROLE} without REDIS_URL: there one instance does everything` }]
        : [],
  },
  {
    notes: { ROLE: 'They exclude a DATABASE_URL of SQLite.' },
    problems: ({ ROLE, DATABASE_URL }) =>
      ROLE !== 'all' && isSqlite(DATABASE_URL)
        ? [
            {
              name: 'DATABASE_URL',
              message: `must be mysql://... because ROLE is ${ROLE}: instances cannot share a SQLite file`,
            },
          ]
        : [],
  },
  onlyWithServer('DATABASE_CA_FILE'),
  onlyWithServer('DATABASE_CONNECTIONS'),
  {
    notes: { DATABASE_CONNECTIONS: 'At least 3 for each of WORKERS.' },
    problems: ({ DATABASE_CONNECTIONS: connections, WORKERS }) =>
      connections !== undefined && connections < LEAST_CONNECTIONS * WORKERS
        ? [
            {
              name: 'DATABASE_CONNECTIONS',
              message: `must be at least ${LEAST_CONNECTIONS * WORKERS}: 3 for each of WORKERS`,
            },
          ]
        : [],
  },
  {
    notes: { DATABASE_CA_FILE: 'Excludes ?ssl-mode=DISABLED in DATABASE_URL.' },
    problems: ({ DATABASE_CA_FILE: caFile, DATABASE_URL }) =>
      caFile !== undefined && !isSqlite(DATABASE_URL) && parseDatabaseUrl(DATABASE_URL).tls === 'off'
        ? [{ name: 'DATABASE_CA_FILE', message: 'cannot be used together with ssl-mode=DISABLED in DATABASE_URL' }]
        : [],
  },
  onlyWithSqlite('BACKUP_INTERVAL_HOURS'),
  onlyWithSqlite('BACKUP_KEEP'),
  onlyWithSqlite('BACKUP_DIRECTORY'),
];

export type CheckedEnvironment =
  { readonly ok: true; readonly env: Environment } | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * The environment as a whole, in one round: each variable for itself and what they need of each other.
 *
 * @param set the variables that are set
 * @param found what is known to be wrong with variables that are set as well
 */
export function checkEnvironment(
  set: Readonly<Partial<Record<Name, string>>>,
  found: readonly Problem[] = [],
): CheckedEnvironment {
  const parsed = variablesSchema.safeParse(set);
  const issues: Problem[] = parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => ({ name: path.join('.') as Name, message }));
  const own = [...found, ...issues];
  const isWrong = new Set(own.map(({ name }) => name));
  // A variable that is wrong in itself counts as set, and as its default when it has one.
  const defaults: Record<string, unknown> = variablesSchema.parse({});
  const told = Object.fromEntries(found.map(({ name }) => [name, '']));
  const usable = Object.entries({ ...told, ...set }).filter(
    ([name]) => !isWrong.has(name as Name) || !(name in defaults),
  );
  const env =
    parsed.success && found.length === 0
      ? parsed.data
      : ({ ...defaults, ...Object.fromEntries(usable) } as Environment);
  const mutual = ENVIRONMENT_RULES.flatMap((rule) => rule.problems(env)).filter(({ name }) => !isWrong.has(name));
  const problems = [...own, ...mutual];
  return parsed.success && problems.length === 0 ? { ok: true, env: parsed.data } : { ok: false, problems };
}

function together(...names: readonly Name[]): Rule {
  const others = (name: Name) => names.filter((other) => other !== name);
  return {
    notes: Object.fromEntries(names.map((name) => [name, `Needs ${others(name).join(' and ')}.`])),
    problems: (env) => {
      const set = names.find((name) => env[name] !== undefined);
      return set ? names.filter((name) => env[name] === undefined).map((name) => missing(name, set)) : [];
    },
  };
}

function needs(name: Name, needed: Name): Rule {
  return {
    notes: { [name]: `Needs ${needed}.` },
    problems: (env) => (env[name] !== undefined && env[needed] === undefined ? [missing(needed, name)] : []),
  };
}

function oneOf(name: Name, other: Name): Rule {
  return {
    notes: { [name]: `Excludes ${other}.`, [other]: `Excludes ${name}.` },
    problems: (env) =>
      env[name] !== undefined && env[other] !== undefined
        ? [{ name, message: `cannot be used together with ${other}: choose one` }]
        : [],
  };
}

function onlyWithSqlite(name: Name): Rule {
  return {
    notes: { [name]: 'Needs a DATABASE_URL of SQLite.' },
    problems: (env) =>
      env[name] !== undefined && !isSqlite(env.DATABASE_URL)
        ? [
            {
              name,
              message: 'is for SQLite only: back this database up with its own tools, see docs/operating.md',
            },
          ]
        : [],
  };
}

function onlyWithServer(name: Name): Rule {
  return {
    notes: { [name]: 'Excludes a DATABASE_URL of SQLite.' },
    problems: (env) =>
      env[name] !== undefined && isSqlite(env.DATABASE_URL) ? [{ name, message: 'is for MariaDB and MySQL only' }] : [],
  };
}

function missing(name: Name, because: string): Problem {
  return { name, message: `must be set because ${because} is` };
}

function isSqlite(databaseUrl: string): boolean {
  return databaseUrl.startsWith('sqlite:');
}

/** Also by another name: a link, or a path with detours. */
function isSameFile(a: string, b: string): boolean {
  if (resolve(a) === resolve(b)) return true;
  try {
    const [one, other] = [statSync(a), statSync(b)];
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    // One of them does not exist yet or cannot be looked at; reading it later gives the error.
    return false;
  }
}
