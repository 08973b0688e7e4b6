import { expect, it } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { turnsDuring } from '../../../test/support/event-loop.js';
import { newAndroidToken, newIosToken } from '../../../test/support/people.js';
import { subscriptionsCommands } from '../../../test/support/subscribing.js';
import {
  newGroup,
  newSessionId,
  subscribeRequest,
  type SubscribeRequest,
} from '../../../test/support/subscribing-phone.js';
import { storedToken } from '../../../test/support/stored.js';
import { useTestDatabase } from '../../../test/support/test-data-source.js';
import { inPowersOfTwo } from '../../database/statement-sizes.js';
import { SubscribedTokensService } from './subscribed-tokens.service.js';
import { Subscription } from './subscription.entity.js';

describeEachDatabase('the tokens of subscriptions', (databases) => {
  const database = useTestDatabase(databases);
  const tokens = () => new SubscribedTokensService(database.dataSource, database.writer);
  const subscribe = (...requests: SubscribeRequest[]) => subscriptionsCommands(database).subscribe(requests);
  const stored = () => database.dataSource.getRepository(Subscription).find({ order: { token: 'ASC' } });
  const snapshotOf = (rows: Subscription[], token: string) => {
    const row = rows.findLast((each) => each.token === token);
    return { service: row?.service ?? 'apns', token: storedToken(token), deadAt: row?.registeredAt ?? 0 };
  };
  /** Rows that no phone signed, for what is about their number. */
  const insert = (rows: readonly (readonly [account: string, service: string, token: string])[]) =>
    database.writer.write(async (manager) => {
      for (const some of inPowersOfTwo(rows)) {
        const values = some.map(() => "(?, ?, ?, 'owner', 1, '0', 1, 5, '', '', NULL, 7, NULL)").join(', ');
        await manager.query(`INSERT INTO subscriptions VALUES ${values}`, some.flat());
      }
    });

  it('end all of their subscriptions when they are dead, and nobody else’s', async () => {
    const [dead, alive] = [newAndroidToken(), newAndroidToken()];
    await subscribe(
      ...[newSessionId(), newGroup(), newGroup()].map((account) => subscribeRequest(account, { token: dead })),
      subscribeRequest(newSessionId(), { token: alive }),
      subscribeRequest(newSessionId(), { token: dead, service: 'huawei' }),
    );
    const snapshot = snapshotOf(await stored(), dead);
    expect(await tokens().removeUnchanged([{ ...snapshot, service: 'firebase' }])).toEqual([]);
    const left = (await stored()).map(({ service, token }) => `${service} ${token}`);
    expect(left.toSorted()).toEqual([`firebase ${alive}`, `huawei ${dead}`]);
  });

  it('keep what was subscribed again since the push, and say so', async () => {
    const [account, token, other] = [newSessionId(), newAndroidToken(), newAndroidToken()];
    const renewed = subscribeRequest(account, { token });
    await subscribe(renewed, subscribeRequest(newGroup(), { token }), subscribeRequest(account, { token: other }));
    const before = [snapshotOf(await stored(), token), snapshotOf(await stored(), other)];
    await subscribe(renewed);
    expect(await tokens().removeUnchanged(before)).toEqual([before[0]]);
    expect((await stored()).map((row) => [row.account, row.token])).toEqual([[account.id, token]]);
  });

  it('end however many subscriptions somebody made with one of them, in pieces', async () => {
    await insert(Array.from({ length: 1700 }, (_, index) => [`03${index}`, 'firebase', 'token']));
    const token = { service: 'firebase', token: storedToken('token'), deadAt: 7 } as const;
    expect(await turnsDuring(() => tokens().removeUnchanged([token]))).toBeGreaterThan(2);
    expect(await stored()).toEqual([]);
  });

  it('have standing once their provider took a push, in all of their subscriptions, and since the first time', async () => {
    const [token, other] = [newIosToken(), newIosToken()];
    const ofApns = (each: string) => subscribeRequest(newGroup(), { service: 'apns', token: each });
    await subscribe(ofApns(token), ofApns(token), ofApns(other));
    const accepted = [snapshotOf(await stored(), token)];
    await tokens().rememberAccepted(accepted, 1000);
    await tokens().rememberAccepted(accepted, 2000);
    const standing = (await stored()).map((row) => `${row.token} ${row.acceptedAt}`);
    expect(standing.toSorted()).toEqual([`${token} 1000`, `${token} 1000`, `${other} null`].toSorted());
  });

  it('are counted by service', async () => {
    expect(await tokens().count()).toEqual({ apns: 0, 'apns-sandbox': 0, firebase: 0, huawei: 0, webpush: 0 });
    await insert([
      ['05a', 'apns', 't1'],
      ['05a', 'apns-sandbox', 't1'],
      ['05b', 'firebase', 't2'],
      ['05c', 'firebase', 't2'],
    ]);
    expect(await tokens().count()).toEqual({ apns: 1, 'apns-sandbox': 1, firebase: 2, huawei: 0, webpush: 0 });
  });

  it('leave the event loop its turns while they are counted', async () => {
    // The other databases count in a process of their own.
    if (databases.kind !== 'sqlite') return;
    await insert(Array.from({ length: 9000 }, (_, index) => [`03${index}`, 'huawei', `t${index}`]));
    expect(
      await turnsDuring(async () => expect(await tokens().count()).toMatchObject({ huawei: 9000 })),
    ).toBeGreaterThan(1);
  });

  it('are found by an index', async () => {
    if (databases.kind !== 'sqlite') return;
    const [plan] = await database.dataSource.query<{ detail: string }[]>(
      "EXPLAIN QUERY PLAN DELETE FROM subscriptions WHERE service = 'a' AND token = 'b' AND registered_at <= 5",
    );
    expect(plan?.detail).toBe('SEARCH subscriptions USING INDEX ix_subscriptions_token (service=? AND token=?)');
  });
});
