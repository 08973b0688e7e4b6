import { dutiesOf } from '../../../config/duties.js';
import { MetricsService } from '../../../metrics/metrics.service.js';
import { OperatorEvents } from '../../../operator/operator-events.js';
import { legacyContent } from '../../../providers/push-content.js';
import { type EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { beforeEach, expect, it } from 'vitest';
import { describeEachDatabase } from '../../../../test/support/databases.js';
import { useTestDatabase } from '../../../../test/support/test-data-source.js';
import { storedId } from '../../../../test/support/stored.js';
import { DatabaseWriter } from '../../../database/database-writer.js';
import { type NewQueueItem } from '../notification-queue.js';
import { QueuedNotification } from '../queued-notification.entity.js';
import { TableQueue } from '../table-queue.js';

/** A database that commits and whose answer gets lost on the way, as when its host freezes at that moment. */
class LossyWriter extends DatabaseWriter {
  lossy = false;

  override async write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const { lossy } = this;
    const value = await super.write(work);
    if (lossy) throw new Error('the connection was cut');
    return value;
  }
}

const item = (fields: Partial<NewQueueItem> = {}): NewQueueItem => ({
  notificationId: uuidv7(),
  lane: 'intake',
  recipient: storedId('somebody'),
  content: legacyContent('data'),
  urgency: 'high',
  to: null,
  acceptedAt: Date.now(),
  expiresAt: Date.now() + 60_000,
  availableAt: Date.now(),
  attempts: 0,
  ...fields,
});

describeEachDatabase('a queue whose database answers get lost', (databases) => {
  const database = useTestDatabase(databases);
  let writer: LossyWriter;
  let queue: TableQueue;
  beforeEach(async () => {
    writer = new LossyWriter(database.dataSource, new MetricsService());
    queue = new TableQueue(
      database.dataSource.getRepository(QueuedNotification),
      writer,
      new MetricsService(),
      dutiesOf({ role: 'all', redisUrl: null }),
      new OperatorEvents(),
    );
    await queue.onModuleInit();
  });

  const losing = async (work: () => Promise<unknown>): Promise<void> => {
    writer.lossy = true;
    await expect(work()).rejects.toThrow('the connection was cut');
    writer.lossy = false;
  };

  it('gives an item that it may have claimed to the next claim', async () => {
    await queue.add(item());
    const [first] = await queue.claim('intake', 1);
    await queue.settle(first?.id ?? '', [item({ lane: 'fcm', to: { provider: 'fcm', targets: [] } })]);
    await losing(() => queue.claim('fcm', 10));
    await queue.claim('intake', 10);
    expect(await queue.claim('fcm', 10)).toHaveLength(1);
  });

  it('gives an item that it may have added, and never twice what is in hand', async () => {
    await queue.add(item({ recipient: storedId('in hand') }));
    await losing(() => queue.add(item({ recipient: storedId('not acknowledged') })));
    const claimed = [...(await queue.claim('intake', 10)), ...(await queue.claim('intake', 10))];
    expect(claimed.map(({ recipient }) => recipient).toSorted()).toEqual(['in hand', 'not acknowledged']);
    expect(await queue.claim('intake', 10)).toEqual([]);
  });

  it('leaves alone what is being worked on', async () => {
    await queue.add(item({ recipient: storedId('one') }));
    await queue.add(item({ recipient: storedId('two') }));
    const working = await queue.claim('intake', 10);
    await losing(() => queue.add(item({ recipient: storedId('three') })));
    expect((await queue.claim('intake', 10)).map(({ recipient }) => recipient)).toEqual(['three']);
    for (const { id } of working) await queue.settle(id, []);
    expect(await queue.claim('intake', 10)).toEqual([]);
  });
});
