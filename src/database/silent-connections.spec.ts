import { setTimeout as sleep } from 'node:timers/promises';
import { type DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { openDataSource } from '../../test/support/test-data-source.js';
import { cutSilentConnections } from './silent-connections.js';

/** Longer than a busy machine keeps an answer that is there. */
const SILENCE_MS = 1500;

describeEachDatabase('a connection that is cut when it hears nothing', (databases) => {
  let dataSource: DataSource;
  beforeEach(async () => {
    dataSource = await openDataSource(await databases.create());
    cutSilentConnections(dataSource, SILENCE_MS);
  });
  afterEach(() => dataSource.destroy());

  const ask = (): Promise<unknown> => dataSource.query('SELECT 1 AS answer');

  it('answers as before', async () => {
    expect(await ask()).toEqual([{ answer: 1 }]);
  });

  if (databases.kind === 'sqlite') return;

  it('fails the statement that waits, and the pool goes on', async () => {
    await expect(dataSource.query('SELECT SLEEP(8)')).rejects.toMatchObject({
      driverError: { code: 'DATABASE_SILENT' },
    });
    expect(await ask()).toEqual([{ answer: 1 }]);
  });

  it('fails every statement of a full pool, and the pool goes on', async () => {
    const began = performance.now();
    const waiting = await Promise.allSettled(Array.from({ length: 40 }, () => dataSource.query('SELECT SLEEP(8)')));
    expect(new Set(waiting.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(performance.now() - began).toBeLessThan(25_000);
    expect(await ask()).toEqual([{ answer: 1 }]);
  });

  it('is left alone while nobody uses it', async () => {
    const connection = async () => (await dataSource.query<{ id: number }[]>('SELECT CONNECTION_ID() AS id'))[0]?.id;
    const before = await connection();
    await sleep(2 * SILENCE_MS);
    expect(await connection()).toBe(before);
  });

  it('may take longer than that with many statements', async () => {
    await dataSource.transaction(async (manager) => {
      for (let index = 0; index < 4; index++) await manager.query('SELECT SLEEP(0.5)');
    });
    expect(await ask()).toEqual([{ answer: 1 }]);
  });
});
