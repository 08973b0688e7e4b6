import { expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { newAndroidToken } from '../../test/support/people.js';
import {
  type Account,
  newSessionId,
  nowSeconds,
  subscribeRequest,
  unsubscribeRequest,
} from '../../test/support/subscribing-phone.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import { NoSealing } from '../sealing/sealing.js';
import { subscribeItem, unsubscribeItem } from './dto/subscriptions.dto.js';
import {
  MAX_SUBSCRIPTIONS_PER_SESSION_ID,
  type NewSubscription,
  toEndingKey,
  toNewSubscription,
} from './registry/stored-subscription.js';
import { Subscription } from './registry/subscription.entity.js';
import { SubscriptionsService } from './subscriptions.service.js';

interface Phone {
  readonly account: Account;
  readonly token: string;
}

const newPhone = (account = newSessionId()): Phone => ({ account, token: newAndroidToken() });

const NOW = nowSeconds();

const subscriptionOf = ({ account, token }: Phone, sigTs = NOW - 100): NewSubscription =>
  toNewSubscription(new NoSealing(), subscribeItem.parse(subscribeRequest(account, { token, sigTs })));

describeEachDatabase('copies of subscriptions', (databases) => {
  const database = useTestDatabase(databases);
  const service = () => new SubscriptionsService(database.writer);
  const stored = () => database.dataSource.getRepository(Subscription).find();
  const times = async () => new Map((await stored()).map(({ token, sigTs }) => [String(token), sigTs]));
  const end = (phones: readonly Phone[]) =>
    service().unsubscribe(
      phones.map(({ account, token }) =>
        toEndingKey(new NoSealing(), unsubscribeItem.parse(unsubscribeRequest(account, { token, sigTs: NOW }))),
      ),
    );

  it.each([
    ['neighbours among few others', 0, true],
    ['neighbours among so many others that each is looked up by its key', 20, true],
    ['no neighbours', 0, false],
  ])('are judged by what is there: %s', async (_name, others, areNeighbours) => {
    const [fresh, older, same, newer, ended] = Array.from({ length: 5 }, () => newPhone()) as [
      Phone,
      Phone,
      Phone,
      Phone,
      Phone,
    ];
    const away = Array.from({ length: others }, () => newPhone());
    const there = [older, same, newer, ended, ...away];
    await service().subscribe(there.map((phone) => subscriptionOf(phone)));
    await end([ended, ...away.slice(0, others / 2)]);
    const outcomes = await service().adopt(
      [
        subscriptionOf(fresh),
        subscriptionOf(older, NOW - 50),
        subscriptionOf(same),
        subscriptionOf(newer, NOW - 150),
        subscriptionOf(ended),
      ],
      areNeighbours,
    );
    expect(outcomes).toEqual(['added', 'updated', 'outdated', 'outdated', 'outdated']);
    const after = await times();
    expect([fresh, older, same, newer, ended].map(({ token }) => after.get(token))).toEqual([
      NOW - 100,
      NOW - 50,
      NOW - 100,
      NOW - 100,
      undefined,
    ]);
  });

  it('come once when they are brought twice, also within one call', async () => {
    const [one, other] = [subscriptionOf(newPhone()), subscriptionOf(newPhone())];
    expect(await service().adopt([one, other, one], true)).toEqual(['added', 'added', 'outdated']);
    expect(await service().adopt([one, other], true)).toEqual(['outdated', 'outdated']);
    expect(await stored()).toHaveLength(2);
  });

  it.each([
    ['of its own', 1],
    ['beside accounts with one', 250],
  ])('fill an account up to its bound and not beyond: %s', async (_name, accounts) => {
    const full = newSessionId();
    const half = MAX_SUBSCRIPTIONS_PER_SESSION_ID / 2;
    const some = (count: number) => Array.from({ length: count }, () => subscriptionOf(newPhone(full)));
    await service().subscribe(some(half));
    const others = Array.from({ length: accounts - 1 }, () => subscriptionOf(newPhone()));
    await service().adopt([...some(half), ...others], true);
    const count = async () => (await stored()).filter(({ account }) => String(account) === full.id).length;
    expect(await count()).toBe(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
    await service().adopt([...others, ...some(3)], true);
    expect(await count()).toBe(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
    expect(await stored()).toHaveLength(MAX_SUBSCRIPTIONS_PER_SESSION_ID + others.length);
  });

  it('may be none', async () => {
    expect(await service().adopt([], true)).toEqual([]);
  });
});
