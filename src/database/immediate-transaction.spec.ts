import { MetricsService } from '../metrics/metrics.service.js';
import Database from 'better-sqlite3';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { openDataSource } from '../../test/support/test-data-source.js';
import { storedId } from '../../test/support/stored.js';
import { ClosedGroup } from '../closed-groups/closed-group.entity.js';
import { DatabaseWriter } from './database-writer.js';

describeEachDatabase('writers in several processes', (databases) => {
  it('neither lose an update nor refuse one', async () => {
    const url = await databases.create();
    const processes = [await openDataSource(url), await openDataSource(url), await openDataSource(url)];
    const writers = processes.map((dataSource) => new DatabaseWriter(dataSource, new MetricsService()));
    await writers[0]?.write((manager) => manager.insert(ClosedGroup, { groupId: 'shared', changedAt: 0 }));
    // It reads before it writes, as a registration does.
    const addOne = (writer: DatabaseWriter) =>
      writer.write(async (manager) => {
        await manager.countBy(ClosedGroup, { groupId: storedId('shared') });
        await sleep(1);
        await manager.increment(ClosedGroup, { groupId: storedId('shared') }, 'changedAt', 1);
      });
    for (let round = 0; round < 10; round++)
      await Promise.all(writers.flatMap((writer) => [addOne(writer), addOne(writer)]));
    const row = await processes[0]?.getRepository(ClosedGroup).findOneByOrFail({ groupId: storedId('shared') });
    await Promise.all(processes.map((dataSource) => dataSource.destroy()));
    expect(row?.changedAt).toBe(60);
  });

  if (databases.kind !== 'sqlite') return;

  it('wait for each other without holding up the event loop', async () => {
    const url = await databases.create();
    const dataSource = await openDataSource(url);
    const other = new Database(url.slice('sqlite:'.length));
    other.exec('BEGIN IMMEDIATE');
    const writing = new DatabaseWriter(dataSource, new MetricsService()).write((manager) =>
      manager.insert(ClosedGroup, { groupId: 'a', changedAt: 0 }),
    );
    let ticks = 0;
    for (let index = 0; index < 20; index++) {
      await sleep(10);
      ticks++;
    }
    expect(await dataSource.getRepository(ClosedGroup).count()).toBe(0);
    other.exec('COMMIT');
    other.close();
    await writing;
    expect([ticks, await dataSource.getRepository(ClosedGroup).count()]).toEqual([20, 1]);
    await dataSource.destroy();
  });
});
