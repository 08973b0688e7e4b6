import { randomBytes, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TrustedClock } from '../../common/time/trusted-clock.js';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { newAndroidToken } from '../../../test/support/people.js';
import { subscriptionsCommands } from '../../../test/support/subscribing.js';
import {
  type Account,
  newGroup,
  newMember,
  newSessionId,
  nowSeconds,
  subscribeRequest,
  type SubscribeRequest,
} from '../../../test/support/subscribing-phone.js';
import { useTestDatabase } from '../../../test/support/test-data-source.js';
import { inPowersOfTwo } from '../../database/statement-sizes.js';
import { KeyedSealing, NoSealing, type Sealing } from '../../sealing/sealing.js';
import { swarmPlaceOf } from '../wire/swarm-place.protocol.js';
import {
  type PageEnd,
  type PlaceRange,
  type WatchedAccount,
  WatchedAccountsService,
} from './watched-accounts.service.js';

const EVERYWHERE: PlaceRange = { first: 0, last: 65_535 };

const SEALINGS: [string, Sealing][] = [
  ['plain', new NoSealing()],
  ['sealed', new KeyedSealing(randomBytes(32))],
];

const bytesOf = ({ id }: Account): Buffer => Buffer.from(id, 'hex');
const placeOf = (account: Account): number => swarmPlaceOf(bytesOf(account));

describeEachDatabase('the accounts that are to be watched', (databases) => {
  const database = useTestDatabase(databases);

  /** All pages of a range, and how many they were. */
  async function read(service: WatchedAccountsService, range: PlaceRange, limit = 0) {
    const accounts: WatchedAccount[] = [];
    let pages = 0;
    let end: PageEnd | null = null;
    do {
      const page = await service.pageOfAccounts(range, end, limit);
      accounts.push(...page.accounts);
      ({ end } = page);
      pages++;
    } while (end);
    return { accounts, pages };
  }

  describe.each(SEALINGS)('in %s rows', (_name, sealing) => {
    const service = () => new WatchedAccountsService(database.dataSource, sealing, new TrustedClock());
    const storedOf = ({ id }: Account) => sealing.account(id);
    const subscribe = (...requests: SubscribeRequest[]) => subscriptionsCommands(database, sealing).subscribe(requests);

    it('come with what each phone has signed', async () => {
      const sigTs = nowSeconds();
      const [account, group] = [newSessionId(), newGroup()];
      const member = newMember(group);
      await subscribe(
        subscribeRequest(account, { namespaces: [-10, 0, 2], sigTs }),
        subscribeRequest(group, { namespaces: [11], data: false, sigTs }),
        subscribeRequest(member, { namespaces: [11, 12], sigTs }),
      );
      const { accounts } = await read(service(), EVERYWHERE);
      const found = new Map(accounts.map((each) => [each.account.toString('hex'), each.requests]));
      const signature = (by: Account, text: string) => sign(null, Buffer.from(text), by.key.secret);
      expect([...found.keys()].toSorted()).toEqual([account.id, group.id].toSorted());
      expect(found.get(account.id)).toEqual([
        {
          signature: signature(account, `MONITOR${account.id}${sigTs}1-10,0,2`),
          sessionEd25519: Buffer.from(account.sessionEd25519 ?? '', 'hex'),
          subaccount: null,
          namespaces: [-10, 0, 2],
          wantsData: true,
          sigTs,
        },
      ]);
      const ofGroup = found.get(group.id)?.toSorted((one, other) => one.namespaces.length - other.namespaces.length);
      expect(ofGroup).toEqual([
        {
          ...{ signature: signature(group, `MONITOR${group.id}${sigTs}011`), sessionEd25519: null, subaccount: null },
          ...{ namespaces: [11], wantsData: false, sigTs },
        },
        {
          signature: signature(member, `MONITOR${group.id}${sigTs}111,12`),
          sessionEd25519: null,
          subaccount: {
            tag: Buffer.from(member.subaccount?.tag ?? '', 'hex'),
            signature: Buffer.from(member.subaccount?.signature ?? '', 'base64'),
          },
          ...{ namespaces: [11, 12], wantsData: true, sigTs },
        },
      ]);
    });

    it('have what several subscriptions signed alike once', async () => {
      const [account, sigTs] = [newSessionId(), nowSeconds()];
      const tokens = [newAndroidToken(), newAndroidToken(), newAndroidToken()];
      await subscribe(...tokens.map((token) => subscribeRequest(account, { token, sigTs })));
      await subscribe(subscribeRequest(account, { sigTs: sigTs - 1 }));
      const { accounts } = await read(service(), EVERYWHERE);
      expect(accounts.map(({ requests }) => requests.length)).toEqual([2]);
    });

    it('are those of a range of places, both ends included', async () => {
      const accounts = Array.from({ length: 40 }, newGroup);
      await subscribe(...accounts.map((account) => subscribeRequest(account)));
      const places = accounts.map(placeOf).toSorted((one, other) => one - other);
      const range = { first: places[5] ?? 0, last: places[30] ?? 0 };
      const found = (await read(service(), range)).accounts.map(({ account }) => account.toString('hex'));
      const expected = accounts.filter((each) => placeOf(each) >= range.first && placeOf(each) <= range.last);
      expect(found.toSorted()).toEqual(expected.map(({ id }) => id).toSorted());
    });

    it('are counted, each once, and at the edges of a range only those that belong there', async () => {
      const group = newGroup();
      const accounts = [group, ...Array.from({ length: 20 }, newGroup)].toSorted((a, b) => placeOf(a) - placeOf(b));
      await subscribe(...accounts.map((account) => subscribeRequest(account)), subscribeRequest(newMember(group)));
      const count = (range: PlaceRange, belongs = () => true) => service().countAccounts(range, belongs);
      expect(await count(EVERYWHERE)).toBe(21);
      const [, second, ...others] = accounts as [Account, Account, ...Account[]];
      const range = { first: placeOf(second), last: placeOf(others.at(-2) ?? second) };
      expect(await count(range)).toBe(19);
      expect(await service().countAccounts(range, (account) => !account.equals(bytesOf(second)))).toBe(18);
      expect(await count(range, () => false)).toBe(17);
      expect(await count({ first: range.first, last: range.first })).toBe(1);
    });

    it('are not those whose signature is 14 days old', async () => {
      const [account, end] = [newGroup(), nowSeconds()];
      await subscribe(subscribeRequest(account, { sigTs: end - 14 * 86_400 + 30 }));
      const at = async (seconds: number) => {
        const now = (end + seconds) * 1000;
        const page = await service().pageOfAccounts(EVERYWHERE, null, 0, now);
        return [page.accounts.length, (await service().findAll([storedOf(account)], now)).length === 0];
      };
      expect(await at(29)).toEqual([1, false]);
      expect(await at(30)).toEqual([0, true]);
    });

    it('are found by their names too', async () => {
      const account = newSessionId();
      await subscribe(subscribeRequest(account), subscribeRequest(newSessionId()));
      const [page, [found]] = [await read(service(), EVERYWHERE), await service().findAll([storedOf(account)])];
      expect(page.accounts.find((each) => each.account.equals(bytesOf(account)))).toEqual(found);
      expect(found?.requests).toHaveLength(1);
      expect(await service().findAll([storedOf(newSessionId())])).toEqual([]);
    });
  });

  it('lie in places that can be told, each once', async () => {
    const accounts = [newSessionId(), newGroup(), newGroup()];
    await subscriptionsCommands(database).subscribe(accounts.map((account) => subscribeRequest(account)));
    const service = new WatchedAccountsService(database.dataSource, new NoSealing(), new TrustedClock());
    const places = accounts.map(placeOf);
    expect(new Set(await service.placesInUse())).toEqual(new Set(places));
  });

  it('come in pages of which none divides an account, each account once', { timeout: 60_000 }, async () => {
    const service = new WatchedAccountsService(database.dataSource, new NoSealing(), new TrustedClock());
    // Three accounts share each place; every account has 1 to 3 subscriptions, and one has as many as are possible.
    const accounts = Array.from({ length: 4000 }, (_, index) => ({
      id: `03${index.toString(16).padStart(64, '0')}`,
      place: Math.floor(index / 3),
      subscriptions: index === 1234 ? 1000 : 1 + (index % 3),
    }));
    const rows = accounts.flatMap(({ id, place, subscriptions }) =>
      Array.from({ length: subscriptions }, (_, nth) => [
        ...[id, 'firebase', `token-${nth}`, 'owner', place, '0', 1, nowSeconds()],
        ...[randomBytes(64), randomBytes(32), null, 1, null],
      ]),
    );
    await database.writer.write(async (manager) => {
      for (const some of inPowersOfTwo(rows)) {
        const values = some.map((row) => `(${row.map(() => '?').join(', ')})`).join(', ');
        await manager.query(`INSERT INTO subscriptions VALUES ${values}`, some.flat());
      }
    });
    const { accounts: found, pages } = await read(service, EVERYWHERE, 2000);
    expect(found.map((each) => [each.account.toString('hex'), each.requests.length])).toEqual(
      accounts.map(({ id, subscriptions }) => [id, subscriptions]),
    );
    expect(pages).toBe(5);
  });

  it('are found by an index, at the beginning and in the middle', async () => {
    if (databases.kind !== 'sqlite') return;
    const plans: string[] = [];
    for (const where of ['swarm_place = 5 AND account > 6', 'swarm_place >= 5 AND swarm_place <= 6']) {
      const plan = await database.dataSource.query<{ detail: string }[]>(
        `EXPLAIN QUERY PLAN SELECT * FROM subscriptions WHERE ${where} AND sig_ts > 5 ORDER BY swarm_place, account LIMIT 5`,
      );
      plans.push(...plan.map(({ detail }) => detail));
    }
    expect(plans).toEqual([
      'SEARCH subscriptions USING INDEX ix_subscriptions_place (swarm_place=? AND account>?)',
      'SEARCH subscriptions USING INDEX ix_subscriptions_place (swarm_place>? AND swarm_place<?)',
    ]);
  });

  it('are counted from an index alone', async () => {
    if (databases.kind !== 'sqlite') return;
    const plan = await database.dataSource.query<{ detail: string }[]>(
      `EXPLAIN QUERY PLAN SELECT COUNT(*) FROM (
        SELECT DISTINCT swarm_place, account FROM subscriptions WHERE swarm_place > 5 AND swarm_place < 9
      ) AS accounts`,
    );
    const details = plan.map(({ detail }) => detail);
    expect(details).toContain(
      'SEARCH subscriptions USING COVERING INDEX ix_subscriptions_place (swarm_place>? AND swarm_place<?)',
    );
    expect(details.filter((detail) => detail.includes('TEMP B-TREE'))).toEqual([]);
  });
});
