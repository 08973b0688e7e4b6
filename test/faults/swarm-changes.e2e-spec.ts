import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { evenIds, type Member, type SwarmNetwork, startSwarmNetwork } from '../../gateways/swarm/network.js';
import { answerListRequest } from '../../gateways/swarm/node-list.js';
import { placeOf } from '../../gateways/swarm/swarm-space.js';
import { SwarmMonitor } from '../../src/swarms/watch/swarm-monitor.service.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import {
  accountOf,
  type NetworkPhone,
  phoneWith,
  type StoredText,
  storeSteadily,
  subscribe,
  untilPushed,
} from '../support/network-phones.js';
import { TestServer } from '../support/test-server.js';

type Stream = ReturnType<typeof storeSteadily>;

/** Far less than the time until everything is told again anyway. */
const AT_ONCE = { timeout: 60_000, interval: 50 };
const PAUSE_MS = 100;
/** So near to another swarm that they share what was the one's alone, and nobody else loses anything. */
const BESIDE = 2n ** 20n;

/** From a change until nodes are told that have never heard of an account: the list has to be read first. */
const TOLD_WITHIN_MS = 10_000;
/** A message is noted a moment after it was stored. */
const NOTED_WITHIN_MS = 500;

const SWARMS = evenIds(8);
type Eight = [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
const [LEFT, MIDDLE, RIGHT, FAR, OTHER, STAYED_WITH, GONE_WITH, PAIR] = SWARMS as Eight;
/** A swarm of its own that shares the place of MIDDLE. */
const TWIN = MIDDLE + BESIDE;
const PAIRED = PAIR + BESIDE;

describe('while messages come', () => {
  let folder: string;
  let gateways: TestGateways;
  let network: SwarmNetwork;
  let server: TestServer;
  const phones: NetworkPhone[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-swarms-'));
    gateways = await startGateways();
    network = await startSwarmNetwork({ swarmIds: [...SWARMS, TWIN, PAIRED] });
    server = await TestServer.start({
      database: `sqlite:${join(folder, 'swarms.sqlite')}`,
      gateways,
      env: network.environment,
    });
  });
  afterAll(async () => {
    await server.close();
    await Promise.all([gateways.close(), network.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const swarmOf = (phone: NetworkPhone) => network.chain.swarmOf(accountOf(phone));
  const isWatchedBy = ({ node }: Member, phone: NetworkPhone): boolean =>
    node.subscriptions.of(accountOf(phone)).length > 0;
  const isWatchedByAll = (phone: NetworkPhone): boolean =>
    network.membersOf(accountOf(phone)).every((member) => isWatchedBy(member, phone));
  const untilWhole = (some: readonly NetworkPhone[]) => vi.waitUntil(() => some.every(isWatchedByAll), AT_ONCE);
  const membersOf = (swarm: bigint) => network.membersOfSwarm(swarm) as [Member, Member, Member];

  /** The source goes on to say what it says now, whatever the network does. */
  function fallBehind(): void {
    const { text } = answerListRequest({ chain: network.chain }, '{}');
    network.oxend.lie = { kind: 'text', text };
  }

  /** Phones of accounts in a swarm, on either side of its id: left and right of it. */
  async function watchedPhonesIn(swarm: bigint): Promise<[NetworkPhone, NetworkPhone]> {
    const isIn = (account: Buffer) => network.chain.swarmOf(account) === swarm;
    const left = phoneWith((account) => isIn(account) && placeOf(account) <= swarm);
    const right = phoneWith((account) => isIn(account) && placeOf(account) > swarm + BESIDE);
    await subscribe(server.onion, [left, right]);
    phones.push(left, right);
    await untilWhole([left, right]);
    return [left, right];
  }

  const storeFor = async (some: readonly NetworkPhone[]): Promise<StoredText[]> => {
    const stream = storeSteadily(network, some, PAUSE_MS);
    await vi.waitUntil(() => stream.stored.length >= 2 * some.length, AT_ONCE);
    await stream.end();
    return stream.stored;
  };

  /** Messages before, during and after the change: each is pushed, once. */
  async function changes(some: readonly NetworkPhone[], change: () => Promise<unknown>): Promise<void> {
    const stream = storeSteadily(network, some, PAUSE_MS);
    await vi.waitUntil(() => stream.stored.length >= some.length, AT_ONCE);
    await change();
    await untilWhole(phones);
    await stream.end();
    const after = await storeFor(some);
    expect(await untilPushed(gateways, some, [...stream.stored, ...after])).toEqual({ missed: [], twice: [] });
  }

  it('a swarm splits: the accounts of both halves are watched by all members of theirs', async () => {
    const [left, right] = await watchedPhonesIn(LEFT);
    await changes([left, right], () => network.split(LEFT, LEFT + BESIDE));
    expect([swarmOf(left), swarmOf(right)]).toEqual([LEFT, LEFT + BESIDE]);
  });

  it('two swarms merge: the members of each watch the accounts of the other', async () => {
    const isTwins = (account: Buffer) => network.chain.swarmOf(account) === TWIN && placeOf(account) > TWIN;
    const twin = phoneWith(isTwins);
    const [left] = await watchedPhonesIn(FAR);
    const one = phoneWith((account) => network.chain.swarmOf(account) === MIDDLE);
    await subscribe(server.onion, [twin, one]);
    phones.push(twin, one);
    await untilWhole([twin, one]);
    await changes([twin, one, left], () => network.merge(TWIN, MIDDLE));
    expect(network.membersOf(accountOf(twin))).toHaveLength(6);
  });

  it('a node moves to another swarm: it watches the accounts of that one, and those that it left stay watched', async () => {
    const [staying] = await watchedPhonesIn(RIGHT);
    const [joined] = await watchedPhonesIn(FAR);
    const [member] = membersOf(RIGHT);
    await changes([staying, joined], () => network.move(member, FAR));
    expect(isWatchedBy(member, joined)).toBe(true);
  });

  it('a node goes to another address: it is found there', async () => {
    const [phone] = await watchedPhonesIn(FAR);
    const [member] = membersOf(FAR);
    await changes([phone], () => network.changeAddress(member));
    expect(isWatchedBy(member, phone)).toBe(true);
  });

  it('a node has another X25519 key: it is known by that', async () => {
    const [phone] = await watchedPhonesIn(FAR);
    const [member] = membersOf(FAR);
    await changes([phone], () => network.changeKeys(member));
    expect(isWatchedBy(member, phone)).toBe(true);
  });

  it('a node leaves the list and comes back: it is told everything again', async () => {
    const [phone] = await watchedPhonesIn(FAR);
    const [member] = membersOf(FAR);
    await changes([phone], async () => {
      await network.setActive(member, false);
      await vi.waitUntil(() => member.proxy.openConnections === 0, AT_ONCE);
      member.node.subscriptions.clear();
      await network.setActive(member, true);
    });
    expect(isWatchedBy(member, phone)).toBe(true);
  });

  /** Cuts all of them off but one, until it is called again. */
  async function leaveConnected(connected: Member, members: readonly Member[]): Promise<() => Promise<void>> {
    const others = members.filter((member) => member !== connected);
    await Promise.all(others.map(({ proxy }) => proxy.be('refuse')));
    return async () => void (await Promise.all(others.map(({ proxy }) => proxy.be('pass'))));
  }

  it.each([
    { who: 'stays', swarm: STAYED_WITH, place: 0 },
    { who: 'goes', swarm: GONE_WITH, place: 1 },
  ])('a swarm splits, and a node that $who is the only one connected: its half misses nothing', async (split) => {
    const [left, right] = await watchedPhonesIn(split.swarm);
    const members = membersOf(split.swarm);
    const connected = members[split.place] ?? members[0];
    const connectAgain = await leaveConnected(connected, members);
    const kept = split.who === 'stays' ? left : right;
    const stream = storeSteadily(network, [kept], PAUSE_MS);
    await vi.waitUntil(() => stream.stored.length >= 5, AT_ONCE);
    await network.split(split.swarm, split.swarm + BESIDE);
    expect(network.membersOf(accountOf(kept))).toContain(connected);
    await vi.waitUntil(() => stream.stored.length >= 50, AT_ONCE);
    await stream.end();
    expect(await untilPushed(gateways, [kept], stream.stored)).toEqual({ missed: [], twice: [] });
    await connectAgain();
    const both = [left, right];
    await vi.waitUntil(() => members.every(({ proxy }) => proxy.openConnections > 0), AT_ONCE);
    await untilWhole(both);
    expect(await untilPushed(gateways, both, await storeFor(both))).toEqual({ missed: [], twice: [] });
  });

  it('two swarms merge, and one node is the only one connected: its accounts miss nothing, the others are told to it at once', async () => {
    const own = phoneWith((account) => network.chain.swarmOf(account) === PAIR);
    const joining = phoneWith((account) => network.chain.swarmOf(account) === PAIRED);
    await subscribe(server.onion, [own, joining]);
    phones.push(own, joining);
    await untilWhole([own, joining]);
    const members = [...membersOf(PAIR), ...membersOf(PAIRED)];
    const [connected] = membersOf(PAIR);
    const connectAgain = await leaveConnected(connected, members);
    const stream = storeSteadily(network, [own], PAUSE_MS);
    await vi.waitUntil(() => stream.stored.length >= 5, AT_ONCE);
    await network.merge(PAIRED, PAIR);
    await vi.waitUntil(() => isWatchedBy(connected, joining), { timeout: TOLD_WITHIN_MS, interval: 50 });
    const both = [own, joining];
    const after = await storeFor(both);
    await stream.end();
    const all = [...stream.stored, ...after];
    expect(await untilPushed(gateways, both, all)).toEqual({ missed: [], twice: [] });
    await connectAgain();
  });

  it('accounts go to a swarm whose nodes have never heard of them: they are watched there at once', async () => {
    const [left, right] = await watchedPhonesIn(OTHER);
    const [member] = membersOf(FAR);
    const [staying, going] = [left, right].map((phone) => storeSteadily(network, [phone], PAUSE_MS)) as [
      Stream,
      Stream,
    ];
    await vi.waitUntil(() => going.stored.length >= 5, AT_ONCE);
    const changedAt = Date.now();
    await network.move(member, OTHER + BESIDE);
    expect(swarmOf(right)).toBe(OTHER + BESIDE);
    await vi.waitUntil(() => isWatchedBy(member, right), { timeout: TOLD_WITHIN_MS, interval: 50 });
    const toldAt = Date.now() + NOTED_WITHIN_MS;
    await untilWhole(phones);
    await vi.waitUntil(() => going.stored.filter(({ storedAt }) => storedAt > toldAt).length >= 5, AT_ONCE);
    await Promise.all([staying.end(), going.end()]);
    const beside = going.stored.filter(({ storedAt }) => storedAt < changedAt || storedAt > toldAt);
    const all = [...staying.stored, ...beside];
    expect(await untilPushed(gateways, [left, right], all)).toEqual({ missed: [], twice: [] });
  });

  it('accounts go and come back before anybody can look: the nodes that gave them up are told again', async () => {
    const [left, right] = await watchedPhonesIn(RIGHT);
    const [member] = membersOf(FAR);
    // It never shows the list in between.
    fallBehind();
    await network.move(member, RIGHT + BESIDE);
    await vi.waitUntil(() => !membersOf(RIGHT).some((one) => isWatchedBy(one, right)), AT_ONCE);
    await network.move(member, FAR);
    network.oxend.lie = undefined;
    await untilWhole(phones);
    expect(await untilPushed(gateways, [left, right], await storeFor([left, right]))).toEqual({
      missed: [],
      twice: [],
    });
  });

  it('the source is behind: a node that refuses an account with code 6 makes it be asked again', async () => {
    const [, right] = await watchedPhonesIn(RIGHT);
    const [member] = membersOf(FAR);
    fallBehind();
    await network.move(member, RIGHT + BESIDE);
    await vi.waitUntil(() => !membersOf(RIGHT).some((one) => isWatchedBy(one, right)), AT_ONCE);
    const asked = network.oxend.listRequests;
    const newcomer = phoneWith((account) => network.chain.swarmOf(account) === RIGHT + BESIDE);
    await subscribe(server.onion, [newcomer]);
    phones.push(newcomer);
    await vi.waitUntil(() => network.oxend.listRequests > asked, AT_ONCE);
    // Without a block: nothing but what the nodes say tells of it.
    network.oxend.lie = undefined;
    await untilWhole(phones);
    const some = [right, newcomer];
    expect(await untilPushed(gateways, some, await storeFor(some))).toEqual({ missed: [], twice: [] });
  });

  it('all this changed nothing for anybody: everybody is watched by all, and nobody was set aside', async () => {
    const monitor = server.app.get(SwarmMonitor);
    await untilWhole(phones);
    await expect.poll(() => monitor.status().coverage, AT_ONCE).toMatchObject({ partial: 0, none: 0, uncounted: 0 });
    expect(monitor.status().coverage.full).toBeGreaterThanOrEqual(phones.length);
    expect(monitor.status()).toMatchObject({ setAside: 0, reports: { foreign: 0, malformed: 0 } });
    const said = server.log.lines.join();
    for (const { account, token } of phones)
      for (const secret of [account.id, token]) expect(said).not.toContain(secret);
  });
});
