import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { TrustedClock } from '../../common/time/trusted-clock.js';
import { stopBothClocks } from '../../../test/support/both-clocks.js';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { newAndroidToken, newIosToken } from '../../../test/support/people.js';
import { subscriptionsCommands } from '../../../test/support/subscribing.js';
import {
  newGroup,
  newSessionId,
  nowSeconds,
  subscribeRequest,
  type SubscribeRequest,
} from '../../../test/support/subscribing-phone.js';
import { useTestDatabase } from '../../../test/support/test-data-source.js';
import { KeyedSealing, NoSealing, type Sealing } from '../../sealing/sealing.js';
import { SubscribersService } from './subscribers.service.js';

const SEALINGS: [string, Sealing][] = [
  ['plain', new NoSealing()],
  ['sealed', new KeyedSealing(randomBytes(32))],
];

describeEachDatabase('who wants to be told', (databases) => {
  const database = useTestDatabase(databases);

  describe.each(SEALINGS)('from %s rows', (_name, sealing) => {
    const subscribe = (...requests: SubscribeRequest[]) => subscriptionsCommands(database, sealing).subscribe(requests);
    const find = (...reports: { account: string; namespace: number }[]) =>
      new SubscribersService(database.dataSource, sealing, new TrustedClock()).findFor(reports);

    it('are those who subscribed to the account and the namespace', async () => {
      const [account, other] = [newSessionId(), newGroup()];
      const [iphone, android, encKey] = [newIosToken(), newAndroidToken(), randomBytes(32)];
      await subscribe(
        subscribeRequest(account, { service: 'apns', token: iphone, namespaces: [-11, 0, 2], encKey }),
        subscribeRequest(account, { token: android, namespaces: [0, 11], data: false }),
        subscribeRequest(other, { token: android, namespaces: [11] }),
      );
      const reports = [
        { account: account.id, namespace: 0 },
        { account: account.id, namespace: 2 },
        { account: other.id, namespace: 11 },
        { account: account.id, namespace: 1 },
        { account: newGroup().id, namespace: 0 },
        { account: account.id, namespace: 0 },
      ];
      const found = await find(...reports);
      const tokens = found.map((subscribers) => subscribers.map(({ token }) => token).toSorted());
      const both = [iphone, android].map((token) => sealing.token(token)).toSorted();
      expect(tokens).toEqual([both, [sealing.token(iphone)], [sealing.token(android)], [], [], both]);
      expect(found[1]).toEqual([
        {
          service: 'apns',
          token: sealing.token(iphone),
          encKey,
          wantsData: true,
          serviceInfo: null,
          registeredAt: expect.any(Number) as number,
          acceptedAt: null,
        },
      ]);
      expect(found[0]?.find(({ service }) => service === 'firebase')).toMatchObject({ wantsData: false });
    });

    it('are told apart from those of a token that a provider took', async () => {
      const account = newSessionId();
      await subscribe(subscribeRequest(account));
      await database.writer.write((manager) => manager.query('UPDATE subscriptions SET accepted_at = 5'));
      expect(await find({ account: account.id, namespace: 0 })).toMatchObject([[{ acceptedAt: 5 }]]);
    });

    it('are not those whose signature is 14 days old', async () => {
      const [account, end] = [newGroup(), nowSeconds()];
      await subscribe(subscribeRequest(account, { sigTs: end - 14 * 86_400 + 30 }));
      const service = new SubscribersService(database.dataSource, sealing, new TrustedClock());
      const at = (seconds: number) => service.findFor([{ account: account.id, namespace: 0 }], (end + seconds) * 1000);
      expect((await at(29))[0]).toHaveLength(1);
      expect((await at(30))[0]).toEqual([]);
    });

    it('are found while the clock is a day ahead for a moment', async () => {
      const account = newGroup();
      await subscribe(subscribeRequest(account, { sigTs: nowSeconds() - 14 * 86_400 + 3600 }));
      stopBothClocks(Date.now());
      const service = new SubscribersService(database.dataSource, sealing, new TrustedClock());
      vi.setSystemTime(Date.now() + 25 * 3_600_000);
      const found = service.findFor([{ account: account.id, namespace: 0 }]);
      expect((await found.finally(() => vi.useRealTimers()))[0]).toHaveLength(1);
    });

    it('are looked up with one query, however many reports there are', async () => {
      const accounts = Array.from({ length: 100 }, newGroup);
      await subscribe(...accounts.map((account) => subscribeRequest(account)));
      const query = vi.spyOn(database.dataSource, 'query');
      const found = await find(...accounts.map(({ id }) => ({ account: id, namespace: 0 })));
      expect(found.map((subscribers) => subscribers.length)).toEqual(accounts.map(() => 1));
      expect(query).toHaveBeenCalledTimes(1);
      expect(await find()).toEqual([]);
      expect(query).toHaveBeenCalledTimes(1);
      query.mockRestore();
    });
  });

  it('leaves out a row with a token that was copied from another', async () => {
    const sealing = new KeyedSealing(randomBytes(32));
    const [account, other] = [newGroup(), newGroup()];
    const [own, copied] = [newAndroidToken(), newAndroidToken()];
    await subscriptionsCommands(database, sealing).subscribe([
      subscribeRequest(account, { token: own }),
      subscribeRequest(other, { token: copied }),
    ]);
    await database.writer.write((manager) =>
      manager.query('UPDATE subscriptions SET token = ? WHERE token = ?', [sealing.token(copied), sealing.token(own)]),
    );
    const reports = [account, other].map(({ id }) => ({ account: id, namespace: 0 }));
    const found = await new SubscribersService(database.dataSource, sealing, new TrustedClock()).findFor(reports);
    expect(found).toMatchObject([[], [{ token: sealing.token(copied) }]]);
  });

  it('leaves out a row whose key cannot be opened, and finds the others', async () => {
    const sealing = new KeyedSealing(randomBytes(32));
    const account = newGroup();
    const [good, damaged] = [newAndroidToken(), newAndroidToken()];
    await subscriptionsCommands(database, sealing).subscribe(
      [good, damaged].map((token) => subscribeRequest(account, { token })),
    );
    await database.writer.write((manager) =>
      manager.query('UPDATE subscriptions SET enc_key = ? WHERE token = ?', [randomBytes(72), sealing.token(damaged)]),
    );
    const found = await new SubscribersService(database.dataSource, sealing, new TrustedClock()).findFor([
      { account: account.id, namespace: 0 },
    ]);
    expect(found).toMatchObject([[{ token: sealing.token(good) }]]);
  });
});
