import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { newAndroidToken } from '../../../test/support/people.js';
import { subscriptionsCommands } from '../../../test/support/subscribing.js';
import { newGroup, nowSeconds, subscribeRequest, unsubscribeRequest } from '../../../test/support/subscribing-phone.js';
import { useSqliteDatabase, useTestDatabase } from '../../../test/support/test-data-source.js';
import { DAY_MS, HOUR_MS } from '../../config/durations.js';
import { inPowersOfTwo } from '../../database/statement-sizes.js';
import { EndedSubscription } from './ended-subscription.entity.js';
import { SubscriptionExpiryScheduler } from './subscription-expiry.scheduler.js';
import { SubscriptionExpiryService } from './subscription-expiry.service.js';
import { Subscription } from './subscription.entity.js';

describeEachDatabase('subscriptions that have ended', (databases) => {
  const database = useTestDatabase(databases);
  const remove = (now: number) => new SubscriptionExpiryService(database.writer).removeEnded(now);
  const stored = () => database.dataSource.getRepository(Subscription).find();

  it('go when their signature is 14 days old, and not before', async () => {
    const signedAt = nowSeconds();
    await subscriptionsCommands(database).subscribe([
      subscribeRequest(newGroup(), { token: 'older', sigTs: signedAt - 1 }),
      subscribeRequest(newGroup(), { token: 'newer', sigTs: signedAt }),
    ]);
    expect(await remove((signedAt - 1) * 1000 + 14 * DAY_MS - 1)).toBe(0);
    expect(await remove((signedAt - 1) * 1000 + 14 * DAY_MS)).toBe(1);
    expect((await stored()).map(({ token }) => token)).toEqual(['newer']);
  });

  it('go in pieces, however many they are', async () => {
    const rows = Array.from({ length: 1234 }, (_, index) => [`03${index}`, `token-${index}`]);
    await database.writer.write(async (manager) => {
      for (const some of inPowersOfTwo(rows)) {
        const values = some.map(() => "(?, 'firebase', ?, 'owner', 1, '0', 1, 5, '', '', NULL, 7, NULL)").join(', ');
        await manager.query(`INSERT INTO subscriptions VALUES ${values}`, some.flat());
      }
    });
    const write = vi.spyOn(database.writer, 'write');
    expect(await remove(Date.now())).toBe(1234);
    // Three for the subscriptions, one for those that phones have ended.
    expect(write).toHaveBeenCalledTimes(4);
    write.mockRestore();
    expect(await stored()).toEqual([]);
  });

  it('that a phone ended are remembered as long as what it had signed before could be used', async () => {
    const [account, token, signedAt] = [newGroup(), newAndroidToken(), nowSeconds()];
    const commands = subscriptionsCommands(database);
    await commands.subscribe(subscribeRequest(account, { token, sigTs: signedAt - 1 }));
    await commands.unsubscribe(unsubscribeRequest(account, { token, sigTs: signedAt }));
    const remembered = () => database.dataSource.getRepository(EndedSubscription).count();
    await remove(signedAt * 1000 + 14 * DAY_MS - 1);
    expect(await remembered()).toBe(1);
    await remove(signedAt * 1000 + 14 * DAY_MS);
    expect(await remembered()).toBe(0);
  });
});

describe('the hourly removal', () => {
  const database = useSqliteDatabase();
  const START = 1_800_000_000_000;
  let scheduler: SubscriptionExpiryScheduler;
  let steadyMs: number;
  const stored = async () =>
    (await database.dataSource.getRepository(Subscription).find()).map(({ token }) => token).toSorted();
  /** Runs it when both clocks have gone on by `ms`. */
  const runAfter = async (ms: number) => {
    vi.setSystemTime(Date.now() + ms);
    steadyMs += ms;
    await scheduler.run();
  };

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    steadyMs = 5000;
    vi.spyOn(performance, 'now').mockImplementation(() => steadyMs);
    const expiry = new SubscriptionExpiryService(database.writer);
    scheduler = new SubscriptionExpiryScheduler({ accepts: true, delivers: true, watches: true, leads: true }, expiry);
    await subscriptionsCommands(database).subscribe([
      subscribeRequest(newGroup(), { token: 'ending', sigTs: (START - 14 * DAY_MS) / 1000 + 60 }),
      subscribeRequest(newGroup(), { token: 'fresh', sigTs: START / 1000 }),
    ]);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('removes nothing in the first hour, and what has ended then', async () => {
    await runAfter(120_000);
    expect(await stored()).toEqual(['ending', 'fresh']);
    await runAfter(HOUR_MS);
    expect(await stored()).toEqual(['fresh']);
  });

  it('removes nothing because the clock has jumped ahead', async () => {
    await runAfter(0);
    vi.setSystemTime(Date.now() + 100 * DAY_MS);
    await runAfter(HOUR_MS);
    expect(await stored()).toEqual(['fresh']);
    vi.setSystemTime(Date.now() - 100 * DAY_MS);
    await runAfter(HOUR_MS);
    await runAfter(HOUR_MS);
    expect(await stored()).toEqual(['fresh']);
  });

  it('removes nothing because the clock was set back', async () => {
    await runAfter(0);
    vi.setSystemTime(Date.now() - 20 * DAY_MS);
    await runAfter(HOUR_MS);
    expect(await stored()).toEqual(['ending', 'fresh']);
  });

  it('is the leader’s alone', async () => {
    const followers = { accepts: true, delivers: false, watches: false, leads: false };
    scheduler = new SubscriptionExpiryScheduler(followers, new SubscriptionExpiryService(database.writer));
    await runAfter(HOUR_MS);
    await runAfter(HOUR_MS);
    expect(await stored()).toEqual(['ending', 'fresh']);
  });

  it('goes on an hour later when the database was away', async () => {
    await runAfter(0);
    const write = vi.spyOn(database.writer, 'write').mockRejectedValueOnce(new Error('away'));
    await runAfter(HOUR_MS);
    expect(await stored()).toEqual(['ending', 'fresh']);
    write.mockRestore();
    await runAfter(HOUR_MS);
    expect(await stored()).toEqual(['fresh']);
  });
});
