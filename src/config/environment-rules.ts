import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Environment, variablesSchema } from './environment.js';

type Name = keyof Environment;

/** What must be set together and what must not: a provider configured by half would silently drop its pushes. */
interface Rule {
  /** What docs/configuration.md says about it at these variables. */
  readonly notes: Partial<Record<Name, string>>;
  readonly problems: (env: Environment) => readonly Problem[];
}

interface Problem {
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
  together('STATISTICS_USERNAME', 'STATISTICS_PASSWORD'),
  together('APNS_TOKEN_KEY_FILE', 'APNS_TOKEN_KEY_ID', 'APNS_TOKEN_TEAM_ID'),
  needs('APNS_CERT_KEY_FILE', 'APNS_CERT_FILE'),
  needs('APNS_CERT_PASSPHRASE', 'APNS_CERT_FILE'),
  oneOf('APNS_CERT_FILE', 'APNS_TOKEN_KEY_FILE'),
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
  onlyWithSqlite('BACKUP_INTERVAL_HOURS'),
  onlyWithSqlite('BACKUP_KEEP'),
  onlyWithSqlite('BACKUP_DIRECTORY'),
];

/** The environment as a whole: each variable for itself, then what they need of each other. */
export const environmentSchema = variablesSchema.superRefine((env, context) => {
  for (const { name, message } of ENVIRONMENT_RULES.flatMap((rule) => rule.problems(env)))
    context.addIssue({ code: 'custom', path: [name], message });
});

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
    // One of them is not there yet, or cannot be looked at, which is told when it is read.
    return false;
  }
}
