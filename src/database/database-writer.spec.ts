import { MetricsService } from '../metrics/metrics.service.js';
import { type EntityManager } from 'typeorm';
import { expect, it } from 'vitest';
import { ClosedGroup } from '../closed-groups/closed-group.entity.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { openDataSource, useTestDatabase } from '../../test/support/test-data-source.js';
import { storedId } from '../../test/support/stored.js';
import { DatabaseWriter } from './database-writer.js';

const insert = (groupId: string) => (manager: EntityManager) => manager.insert(ClosedGroup, { groupId, changedAt: 1 });
const statuses = (results: PromiseSettledResult<unknown>[]) => results.map(({ status }) => status);

describeEachDatabase('DatabaseWriter', (databases) => {
  const database = useTestDatabase(databases);
  const write = <T>(work: (manager: EntityManager) => Promise<T>) => database.writer.write(work);

  /** What another reader finds, once everything is committed. */
  const stored = async (): Promise<string[]> => {
    const groups = await database.dataSource.getRepository(ClosedGroup).find({ order: { groupId: 'ASC' } });
    return groups.map(({ groupId }) => groupId);
  };

  it('gives what the work returns, each caller its own', async () => {
    const results = await Promise.all([1, 2, 3].map((number) => write(async () => number * 10)));
    expect(results).toEqual([10, 20, 30]);
  });

  it('has committed when the promise resolves', async () => {
    await write(insert('a'));
    expect(await stored()).toEqual(['a']);
  });

  it('takes more pieces of work at once than go into a group', async () => {
    const names = Array.from({ length: 400 }, (_, index) => `g${String(index).padStart(4, '0')}`);
    await Promise.all(names.map((name) => write(insert(name))));
    expect(await stored()).toEqual(names);
  });

  it('does not make others wait for a group that takes long: it commits, and goes on after them', async () => {
    const busy = (ms: number) => async (manager: EntityManager) => {
      await manager.query('SELECT 1');
      for (const end = performance.now() + ms; performance.now() < end;);
    };
    let longest = 0;
    let last = performance.now();
    const ticking = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const began = performance.now();
    await Promise.all(Array.from({ length: 40 }, () => write(busy(20))));
    clearInterval(ticking);
    // All at once would hold the event loop for all of it.
    expect(longest).toBeLessThan((performance.now() - began) / 2);
  });

  it('refuses only the piece that fails, and keeps nothing of it', async () => {
    const results = await Promise.allSettled([
      write(insert('a')),
      write(async (manager) => {
        await insert('half')(manager);
        throw new Error('refused');
      }),
      write(insert('b')),
    ]);
    expect(statuses(results)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { message: 'refused' } });
    expect(await stored()).toEqual(['a', 'b']);
  });

  it('refuses each of several failing pieces with its own error', async () => {
    const fail = (message: string) => () => Promise.reject(new Error(message));
    const results = await Promise.allSettled([write(fail('one')), write(insert('a')), write(fail('two'))]);
    expect(results.map((result) => result.status === 'rejected' && (result.reason as Error).message)).toEqual([
      'one',
      false,
      'two',
    ]);
    expect(await stored()).toEqual(['a']);
  });

  it('refuses the second of two equal keys with the database error', async () => {
    const results = await Promise.allSettled([write(insert('a')), write(insert('a')), write(insert('b'))]);
    expect(statuses(results).toSorted()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(await stored()).toEqual(['a', 'b']);
  });

  it('refuses work that throws before it returns a promise', async () => {
    const broken = write(() => {
      throw new Error('at once');
    });
    await expect(broken).rejects.toThrow('at once');
    await write(insert('a'));
    expect(await stored()).toEqual(['a']);
  });

  it('takes work that is handed over while other work runs', async () => {
    let inner: Promise<unknown> = Promise.reject(new Error('not run'));
    inner.catch(() => undefined);
    await write(async (manager) => {
      await insert('a')(manager);
      inner = write(insert('b'));
    });
    await inner;
    expect(await stored()).toEqual(['a', 'b']);
  });

  it('goes on after a failure', async () => {
    await expect(write(() => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
    await expect(write(insert('a'))).resolves.toBeDefined();
  });

  it('refuses what comes after the database closed, and loses nothing that it acknowledged before', async () => {
    const url = await databases.create();
    const dataSource = await openDataSource(url);
    const writer = new DatabaseWriter(dataSource, new MetricsService());
    const acknowledged: string[] = [];
    const writes = Array.from({ length: 300 }, (_, index) => `g${String(index).padStart(3, '0')}`).map((name) =>
      writer.write(insert(name)).then(() => acknowledged.push(name)),
    );
    const settled = Promise.allSettled(writes);
    await writes[0];
    await dataSource.destroy();
    await settled;
    await expect(writer.write(insert('late'))).rejects.toThrow(/not open|closed|not established/i);

    const reopened = await openDataSource(url);
    const groups = await reopened.getRepository(ClosedGroup).find({ order: { groupId: 'ASC' } });
    const names = new Set<string>(groups.map(({ groupId }) => groupId));
    await reopened.destroy();
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
    expect(names).not.toContain('late');
  });
});

describeEachDatabase('DatabaseWriter under contention', (databases) => {
  const database = useTestDatabase(databases);

  it('lets every writer of the same rows through', async () => {
    await database.writer.write(insert('shared'));
    // Each reads, then writes what it read plus one: only transactions that wait for each other give the sum.
    const addOne = async (manager: EntityManager) => {
      await manager.increment(ClosedGroup, { groupId: storedId('shared') }, 'changedAt', 1);
      await manager.update(ClosedGroup, { groupId: storedId('absent') }, { changedAt: 0 });
    };
    await Promise.all(Array.from({ length: 100 }, () => database.writer.write(addOne)));
    const shared = await database.dataSource
      .getRepository(ClosedGroup)
      .findOneByOrFail({ groupId: storedId('shared') });
    expect(shared.changedAt).toBe(101);
  });

  it('lets everybody through who updates an absent row and then inserts it', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
    const save = (groupId: string) => async (manager: EntityManager) => {
      const updated = await manager.update(ClosedGroup, { groupId }, { changedAt: 2 });
      if (!updated.affected) await manager.insert(ClosedGroup, { groupId, changedAt: 2 });
    };
    const results = await Promise.allSettled(names.map((name) => database.writer.write(save(name))));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await database.dataSource.getRepository(ClosedGroup).count()).toBe(100);
  });

  it('lets everybody through who saves one and the same row', async () => {
    const save = async (manager: EntityManager) => {
      const updated = await manager.update(ClosedGroup, { groupId: 'one' }, { changedAt: 2 });
      if (!updated.affected) await manager.insert(ClosedGroup, { groupId: 'one', changedAt: 2 });
    };
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => database.writer.write(save)));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
});
