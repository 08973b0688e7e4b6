import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { withDeadline } from '../../src/common/time/with-deadline.js';
import { findProgram, freePort, type GuardedServer, startGuarded } from './private-server.js';

export interface MariaDbPrograms {
  readonly server: string;
  readonly installer: string;
}

export interface PrivateMariaDb {
  /** `mysql://user:password@host:port` of a user that may create databases and users. */
  readonly url: string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
  /** It dies with SIGKILL, as in a crash; its folder stays. */
  crash(): Promise<void>;
  startAgain(): Promise<void>;
  /** It neither answers nor ends, as behind a network that loses every packet. */
  freeze(): void;
  thaw(): void;
}

const START_DEADLINE_MS = 30_000;

/** MySQL's programs do not count: they start differently. */
export function findMariaDb(): MariaDbPrograms | null {
  const installer = findProgram('mariadb-install-db');
  const server = ['mariadbd', 'mysqld'].map(findProgram).find((file) => file !== null && isMariaDb(file));
  return installer && server ? { server, installer } : null;
}

/** Starts a server of our own in a temporary folder, as the user who runs the tests, root or not. */
export async function startMariaDb(
  programs: MariaDbPrograms,
  settings: readonly string[] = [],
): Promise<PrivateMariaDb> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-mariadb-'));
  // Not the folder of temporary files that all have in common: a server that starts removes the tables of others there.
  const common = [
    '--no-defaults',
    `--user=${userInfo().username}`,
    `--datadir=${join(folder, 'data')}`,
    `--tmpdir=${folder}`,
  ];
  const logFile = join(folder, 'server.log');
  const password = randomBytes(16).toString('hex');
  const port = await freePort();
  mkdirSync(join(folder, 'data'));
  writeFileSync(
    join(folder, 'init.sql'),
    `CREATE USER 'tests'@'127.0.0.1' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO 'tests'@'127.0.0.1' WITH GRANT OPTION;\n`,
    { mode: 0o600 },
  );
  try {
    execFileSync(programs.installer, [...common, '--skip-test-db'], { stdio: 'pipe' });
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error('MariaDB could not make its data folder.', { cause });
  }

  // The character set stays the server's own: the migrations must not lean on a friendlier one.
  const command = [
    programs.server,
    ...common,
    `--socket=${join(folder, 'db.sock')}`,
    `--pid-file=${join(folder, 'db.pid')}`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-name-resolve',
    '--skip-log-bin',
    '--innodb-flush-log-at-trx-commit=2',
    '--innodb-buffer-pool-size=64M',
    // Where the kernel's does not come back, a server listens and never answers.
    '--innodb-use-native-aio=0',
    '--max-connections=1000',
    ...settings,
  ];
  // The guard of the first start removes the folder, whoever runs by then.
  const first = startGuarded([...command, `--init-file=${join(folder, 'init.sql')}`], folder, logFile);
  const later: GuardedServer[] = [];
  const stop = async (): Promise<void> => {
    for (const guarded of later) await guarded.stop();
    await first.stop();
  };
  const signal = (name: NodeJS.Signals): void => {
    process.kill(Number(readFileSync(join(folder, 'db.pid'), 'utf8')), name);
  };

  const url = `mysql://tests:${password}@127.0.0.1:${port}`;
  try {
    await waitUntilItAnswers(url);
  } catch (cause) {
    const lastLines = readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n');
    await stop();
    throw new Error(`MariaDB did not start. The end of its log:\n${lastLines}`, { cause });
  }
  return {
    url,
    stop,
    crash: async () => {
      signal('SIGKILL');
      while (await answers(url)) await sleep(10);
    },
    startAgain: async () => {
      later.push(startGuarded(command, folder, logFile, 'keep'));
      await waitUntilItAnswers(url);
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
}

const answers = (url: string): Promise<boolean> =>
  createConnection(url).then(
    (connection) => connection.end().then(() => true),
    () => false,
  );

async function waitUntilItAnswers(url: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      await withDeadline(ask(url), ANSWER_DEADLINE_MS);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** One that listens and does not answer is not waited for. */
const ANSWER_DEADLINE_MS = 5000;

async function ask(url: string): Promise<void> {
  const connection = await createConnection(url);
  await connection.end();
}

function isMariaDb(server: string): boolean {
  return execFileSync(server, ['--no-defaults', '--version'], { encoding: 'utf8' }).includes('MariaDB');
}
