import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DataSource } from 'typeorm';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startProblem } from '../common/start/start-problem.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { openDataSource } from '../../test/support/test-data-source.js';
import { DatabaseInUseError, InstanceLock } from './instance-lock.js';

describeEachDatabase('InstanceLock', (databases) => {
  const running: { dataSource: DataSource; lock: InstanceLock }[] = [];

  /** As a server does: connect, then ask for the lock. */
  const start = async (url: string) => {
    const dataSource = await openDataSource(url);
    const lock = new InstanceLock(dataSource);
    running.push({ dataSource, lock });
    await lock.acquire();
    return { dataSource, lock };
  };
  const stop = async ({ dataSource, lock }: { dataSource: DataSource; lock: InstanceLock }) => {
    await lock.onApplicationShutdown();
    if (dataSource.isInitialized) await dataSource.destroy();
  };

  afterEach(async () => {
    for (const server of running.splice(0)) await stop(server);
  });

  it('lets one server use a database', async () => {
    await expect(start(await databases.create())).resolves.toBeDefined();
  });

  it('refuses a second server, with what to do', async () => {
    const url = await databases.create();
    await start(url);
    const second = start(url);
    await expect(second).rejects.toThrow(DatabaseInUseError);
    await expect(second).rejects.toThrow(/Stop it first.*REDIS_URL/);
  });

  it('lets servers on different databases be', async () => {
    await start(await databases.create());
    await expect(start(await databases.create())).resolves.toBeDefined();
  });

  it('lets the next server in after a stop', async () => {
    const url = await databases.create();
    await stop(await start(url));
    await expect(start(url)).resolves.toBeDefined();
  });

  it('keeps the lock when it renews it', async () => {
    const url = await databases.create();
    const { lock } = await start(url);
    await lock.renew();
    await lock.renew();
    await expect(start(url)).rejects.toThrow(DatabaseInUseError);
  });

  // What follows is about the connection that holds the lock.
  if (databases.kind === 'sqlite') return;

  it('takes the lock again when the database server cut its connection', async () => {
    const url = await databases.create();
    const { lock, dataSource } = await start(url);
    const [row] = await dataSource.query<{ holder: number }[]>(
      `SELECT IS_USED_LOCK(CONCAT('session-push:', DATABASE())) AS holder`,
    );
    await dataSource.query(`KILL ${Number(row?.holder)}`);
    await sleep(50);
    await lock.renew();
    await expect(start(url)).rejects.toThrow(DatabaseInUseError);
  });

  it('makes this server end when another has taken the lock meanwhile', async () => {
    const url = await databases.create();
    let lost = 0;
    const dataSource = await openDataSource(url);
    const lock = new InstanceLock(dataSource, () => lost++);
    running.push({ dataSource, lock });
    await lock.acquire();
    const [row] = await dataSource.query<{ holder: number }[]>(
      `SELECT IS_USED_LOCK(CONCAT('session-push:', DATABASE())) AS holder`,
    );
    await dataSource.query(`KILL ${Number(row?.holder)}`);
    await sleep(50);
    await start(url);
    await lock.renew();
    await lock.renew();
    expect(lost).toBe(0);
    await lock.renew();
    expect(lost).toBe(1);
  });

  it('copes with a database that is away when it renews', async () => {
    const { lock, dataSource } = await start(await databases.create());
    await dataSource.destroy();
    await expect(lock.renew()).resolves.toBeUndefined();
  });
});

describe('InstanceLock on a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spns-lock-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is the same whatever symbolic link leads to the database', async () => {
    mkdirSync(join(folder, 'real'));
    const path = join(folder, 'real', 'push.sqlite');
    const first = await openDataSource(`sqlite:${path}`);
    symlinkSync(path, join(folder, 'link.sqlite'));
    symlinkSync(join(folder, 'real'), join(folder, 'linked'));
    const lock = new InstanceLock(first);
    await lock.acquire();
    for (const name of ['link.sqlite', 'linked/push.sqlite']) {
      const second = await openDataSource(`sqlite:${join(folder, name)}`);
      const refused = new InstanceLock(second);
      await expect(refused.acquire()).rejects.toThrow(DatabaseInUseError);
      await second.destroy();
    }
    await lock.onApplicationShutdown();
    await first.destroy();
  });

  it('cannot be had of a database with several names', async () => {
    const path = join(folder, 'named.sqlite');
    const first = await openDataSource(`sqlite:${path}`);
    linkSync(path, join(folder, 'other-name.sqlite'));
    const refused = await new InstanceLock(first).acquire().catch((error: unknown) => error);
    expect(startProblem(refused, 'the database')).toBe(
      `${path} has further names (hard links), by which another server could open it and SQLite could not tell: it would be ` +
        'damaged. Remove the other names, or make a real copy (cp) and name that with DATABASE_URL.',
    );
    rmSync(join(folder, 'other-name.sqlite'));
    const lock = new InstanceLock(first);
    await lock.acquire();
    await lock.onApplicationShutdown();
    await first.destroy();
  });

  it('does not blame another server for a lock file that it cannot use', async () => {
    const path = join(folder, 'test.sqlite');
    writeFileSync(`${path}.lock`, 'This is no database. '.repeat(100));
    const dataSource = await openDataSource(`sqlite:${path}`);
    const refused = await new InstanceLock(dataSource).acquire().catch((error: unknown) => error);
    await dataSource.destroy();
    expect(refused).toBeInstanceOf(Error);
    expect(refused).not.toBeInstanceOf(DatabaseInUseError);
  });
});
