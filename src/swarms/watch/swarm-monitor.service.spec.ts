import { TrustedClock } from '../../common/time/trusted-clock.js';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import sodium from 'libsodium-wrappers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { ChainState, startJsonRpc } from '../../../test/support/list-answers.js';
import { RouterNode } from '../../../test/support/router-node.js';
import { type BtInput, decodeBt, encodeBt } from '../../encoding/bt.js';
import { JsonRpcSource } from '../nodes/json-rpc-source.js';
import { LocalSeenMessages } from '../reports/local-seen-messages.js';
import { type SignedAccount } from '../wire/monitor-request.protocol.js';
import { type OwnKeys } from '../lines/node-connection.js';
import { NodeListFile } from '../nodes/node-list-file.js';
import { type Report } from '../wire/notify-message.protocol.js';
import { type SeenMessages } from '../reports/seen-messages.js';
import { DEFAULT_SERVICE_NODES_TUNING, ServiceNodes } from '../nodes/service-nodes.service.js';
import { coarsePlaceOf, type PlaceRange } from '../wire/swarm-space.protocol.js';
import { DEFAULT_MONITOR_TUNING, type MonitorTuning, SwarmMonitor } from './swarm-monitor.service.js';
import { type AccountPage, ReportSink, WatchedAccounts } from '../watched-accounts.js';

const HALF = 2n ** 63n;
let own: OwnKeys;
let folder: string;
let chain: ChainState;
let accounts: MemoryAccounts;
let sink: MemorySink;
let source: Awaited<ReturnType<typeof startJsonRpc>>;
const toStop: (() => unknown)[] = [];

beforeAll(async () => {
  Logger.overrideLogger(false);
  await sodium.ready;
  own = sodium.crypto_box_keypair();
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'monitor-'));
  toStop.push(() => rmSync(folder, { recursive: true }));
  chain = new ChainState();
  accounts = new MemoryAccounts();
  sink = new MemorySink();
  source = await startJsonRpc(chain);
  toStop.push(() => source.server.close());
});
afterEach(async () => {
  for (const stop of toStop.splice(0).toReversed()) await stop();
});

class MemoryAccounts extends WatchedAccounts {
  all: SignedAccount[] = [];
  pages = 0;
  pageSize = 1000;

  placesInUse() {
    return Promise.resolve(this.all.map(({ account }) => coarsePlaceOf(account)));
  }

  page({ first, last }: PlaceRange, after: string | null): Promise<AccountPage> {
    this.pages++;
    const inRange = this.all.filter(({ account }) => {
      const place = coarsePlaceOf(account);
      return first <= place && place <= last;
    });
    const from = Number(after ?? 0);
    const page = inRange.slice(from, from + this.pageSize);
    return Promise.resolve({
      accounts: page,
      next: from + page.length < inRange.length ? `${from + page.length}` : null,
    });
  }

  count({ first, last }: PlaceRange, belongs: (account: Buffer) => boolean) {
    const inRange = this.all.filter(({ account }) => {
      const place = coarsePlaceOf(account);
      return first <= place && place <= last && belongs(account);
    });
    return Promise.resolve(new Set(inRange.map(hex)).size);
  }
}

class MemorySink extends ReportSink {
  reports: Report[] = [];
  refusals: [SignedAccount, string][] = [];
  /** What it waits for before it keeps a report. */
  gate: Promise<void> = Promise.resolve();
  failures = 0;

  async message(report: Report): Promise<void> {
    await this.gate;
    if (this.failures > 0) {
      this.failures--;
      throw new Error('the database is away');
    }
    this.reports.push(report);
  }

  refused(account: SignedAccount, reason: string): Promise<void> {
    this.refusals.push([account, reason]);
    return Promise.resolve();
  }
}

/** An account that lies at the top or in the middle of the ring. */
function accountAt(place: bigint, index = 0): SignedAccount {
  const account = Buffer.alloc(33);
  account[0] = 3;
  account.writeBigUInt64BE(place, 1);
  // Two numbers that XOR to nothing.
  account.writeUInt32BE(index, 9);
  account.writeUInt32BE(index, 17);
  return { account, ed25519: null, subaccount: null, namespaces: [0], wantsData: true, signedAt: 1, signature: Buffer.alloc(64) }; // prettier-ignore
}

interface FakeNode {
  router: RouterNode;
  /** Accounts that it was told of, in hex, as often as it was. */
  told: string[];
  answer: (account: string) => Map<string, BtInput>;
  id: string;
}

const success = () => new Map<string, BtInput>([['success', 1]]);
const problem = (code: number) => new Map<string, BtInput>([['errcode', code], ['error', 'x']]); // prettier-ignore

async function startStorageNode(): Promise<FakeNode> {
  const router = await RouterNode.start();
  toStop.push(() => router.stop());
  const node: FakeNode = { router, told: [], answer: success, id: router.key?.toString('hex') ?? '' };
  router.on('monitor.messages', ([part]) => {
    const list = decodeBt(part ?? Buffer.alloc(0)) as Map<string, Buffer>[];
    const told = list.map((dict) => dict.get('p')?.toString('hex') ?? '');
    node.told.push(...told);
    return [encodeBt(told.map((account) => node.answer(account)))];
  });
  router.on('storage.oxend_request', ([part]) => {
    const { params } = JSON.parse(String(part)) as { params: object };
    return [`{"result":${chain.answer(JSON.stringify(params))}}`];
  });
  return node;
}

const listed = (swarm: bigint, ...nodes: FakeNode[]) => nodes.map(({ router }) => ({ key: router.key, port: router.port, swarm })); // prettier-ignore

const QUICK_WATCH = {
  ...{ batchWindowMs: 20, freshMs: 10, laggardMs: 300, retryMs: [100], requestDeadlineMs: 1000 },
  countMs: [50, 300] as const,
};

async function startMonitor(
  tuning: Partial<MonitorTuning> = {},
  seen: SeenMessages = new LocalSeenMessages(),
): Promise<SwarmMonitor> {
  const nodes = new ServiceNodes({
    openSources: () => [new JsonRpcSource('chain', source.url, undefined)],
    publicAddressesOnly: false,
    file: new NodeListFile(join(folder, 'list.json')),
    tuning: { ...DEFAULT_SERVICE_NODES_TUNING, leastMs: 20, pollMs: 50, retryMs: [50], formerMs: 3000 },
  });
  const { lines, watch } = DEFAULT_MONITOR_TUNING;
  const monitor = new SwarmMonitor(
    nodes,
    accounts,
    sink,
    seen,
    {
      own,
      tuning: {
        ...DEFAULT_MONITOR_TUNING,
        hintMs: 20,
        lines: { ...lines, retryMs: [50, 100] },
        watch: { ...watch, ...QUICK_WATCH },
        ...tuning,
      },
    },
    new TrustedClock(),
  );
  toStop.push(() => monitor.stop());
  await monitor.start();
  return monitor;
}

const MORE_PARTS_THAN_ANY_MESSAGE = new Array<string>(20).fill('x');

const hex = ({ account }: SignedAccount) => account.toString('hex');
let hashes = 0;

function messageFor({ account }: SignedAccount, changed: Record<string, BtInput> = {}): [string, Buffer] {
  const hash = createHash('sha256').update(String(hashes++)).digest('base64url');
  const now = Date.now();
  const dict = { '@': account, h: hash, n: 0, t: now, z: now + 60_000, '~': Buffer.from('x'), ...changed };
  return ['notify.message', encodeBt(new Map<string, BtInput>(Object.entries(dict)))];
}

/** Two swarms of two nodes, at a quarter and at three quarters of the ring. */
async function twoSwarms() {
  const nodes = [];
  for (let count = 0; count < 4; count++) nodes.push(await startStorageNode());
  const [a1, a2, b1, b2] = nodes as [FakeNode, FakeNode, FakeNode, FakeNode];
  chain.nodes = [...listed(HALF / 2n, a1, a2), ...listed(HALF + HALF / 2n, b1, b2)];
  return { a1, a2, b1, b2 };
}
const inA = accountAt(HALF / 2n);
const inB = accountAt(HALF + HALF / 2n);

describe('SwarmMonitor tells', () => {
  it('every node of a swarm its accounts, in pages read once, and connects no swarm without accounts', async () => {
    const { a1, a2, b1 } = await twoSwarms();
    accounts.all = Array.from({ length: 25 }, (_, index) => accountAt(HALF / 2n, index));
    accounts.pageSize = 10;
    const monitor = await startMonitor();
    const all = accounts.all.map(hex);
    await eventually(() => expect([a1.told, a2.told]).toEqual([all, all]));
    await eventually(() => expect(monitor.status().coverage).toEqual({ full: 25, partial: 0, none: 0, uncounted: 0 }));
    expect(b1.router.received).toEqual([]);
    expect(monitor.status()).toMatchObject({
      swarmsInUse: 1,
      nodes: { wanted: 2, connected: 2, failing: 0, aside: 0 },
    });
    // Two nodes that came a moment apart at the most.
    expect(accounts.pages).toBeLessThanOrEqual(6);
  });

  it('new accounts at once to all nodes, and connects a swarm when it gets its first', async () => {
    const { a1, a2, b1, b2 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    const second = accountAt(HALF / 2n, 7);
    accounts.all.push(second, inB);
    monitor.watch([second, inB]);
    await eventually(() => expect([a1, a2].every(({ told }) => told.includes(hex(second)))).toBe(true));
    // Twice when a node connects while its account is noted.
    await eventually(() => expect([b1, b2].map(({ told }) => [...new Set(told)])).toEqual([[hex(inB)], [hex(inB)]]));
    await eventually(() => expect(monitor.status().coverage).toMatchObject({ full: 3, none: 0 }));
  });

  it('accounts that came unnoticed when it looks again, in swarms that had some and in others', async () => {
    const { a1, a2, b1, b2 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    const second = accountAt(HALF / 2n, 7);
    accounts.all.push(second, inB);
    monitor.lookAgain();
    await eventually(() => expect([a1, a2].every(({ told }) => told.includes(hex(second)))).toBe(true));
    await eventually(() => expect([b1, b2].map(({ told }) => [...new Set(told)])).toEqual([[hex(inB)], [hex(inB)]]));
    await eventually(() => expect(monitor.status().coverage).toMatchObject({ full: 3, none: 0 }));
  });

  it('everything again after a node was restarted, and counts it as not watched meanwhile', async () => {
    const { a1, a2 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    a1.router.stop();
    await eventually(() => expect(monitor.status().coverage).toMatchObject({ full: 0, partial: 1, none: 0 }));
    await a1.router.listen();
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    expect([a1.told, a2.told]).toEqual([[hex(inA), hex(inA)], [hex(inA)]]);
  });

  it('everything again at each renewal', async () => {
    const { a1, a2 } = await twoSwarms();
    accounts.all = [inA];
    const { watch } = DEFAULT_MONITOR_TUNING;
    await startMonitor({ watch: { ...watch, batchWindowMs: 20, renewMs: [200, 300] } });
    await eventually(() => expect(Math.min(a1.told.length, a2.told.length)).toBeGreaterThan(2));
  });

  it('a node that does not answer again later, and the others meanwhile', async () => {
    const { a1, a2 } = await twoSwarms();
    accounts.all = [inA];
    let silent = true;
    const { router } = a1;
    router.on('monitor.messages', ([part]) => {
      a1.told.push(String(part?.length));
      return silent ? null : [encodeBt([success()])];
    });
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.partial).toBe(1));
    expect(a2.told).toEqual([hex(inA)]);
    silent = false;
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
  });

  it('a node that knows no swarms yet again later', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    a1.answer = () => problem(7);
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().results['not-ready']).toBeGreaterThan(1));
    a1.answer = success;
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
  });

  it('nobody of a signature that two nodes refuse, and does not believe one alone', async () => {
    const { a1, a2 } = await twoSwarms();
    const [stale, forged] = [accountAt(HALF / 2n, 1), accountAt(HALF / 2n, 2)];
    accounts.all = [stale, forged];
    const refuse = (account: string) => (account === hex(stale) ? problem(4) : success());
    a1.answer = (account) => (account === hex(forged) ? problem(5) : refuse(account));
    a2.answer = refuse;
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().results['bad-signature']).toBeGreaterThan(0));
    monitor.watch(accounts.all);
    await eventually(() => expect(sink.refusals.length).toBeGreaterThan(0));
    expect(new Set(sink.refusals.map(([account, reason]) => `${reason} ${hex(account)}`))).toEqual(
      new Set([`stale ${hex(stale)}`]),
    );
  });

  it('the nodes of the new swarm when swarms change, and asks for the list when a node says so', async () => {
    const { a1, a2, b1, b2 } = await twoSwarms();
    accounts.all = [inA, inB];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(2));
    chain.height++;
    chain.nodes = listed(HALF + HALF / 2n, a1, b1, b2);
    const ended = new Map<string, BtInput>([['@', inA.account], ['errcode', 6], ['error', 'x']]); // prettier-ignore
    await a2.router.notify('notify.monitor_ended', encodeBt(ended));
    await eventually(() => expect([a1, b1, b2].map(({ told }) => told.includes(hex(inA)) && told.includes(hex(inB)))).toEqual([true, true, true])); // prettier-ignore
    await eventually(() => expect(monitor.status()).toMatchObject({ monitorEnded: 1, coverage: { full: 2 }, nodes: { connected: 3 } })); // prettier-ignore
  });

  it('what a swarm has got while its nodes were being told everything', async () => {
    const { a1, a2 } = await twoSwarms();
    accounts.all = [inA, inB];
    const page = accounts.page.bind(accounts);
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    accounts.page = async (...args) => {
      const read = await page(...args);
      if (read.accounts.includes(inA)) asked.resolve();
      await gate.promise;
      return read;
    };
    const monitor = await startMonitor();
    await asked.promise;
    chain.height++;
    chain.nodes = listed(HALF / 2n, a1, a2);
    await eventually(() => expect(monitor.status().nodes.wanted).toBe(2));
    gate.resolve();
    await eventually(() => expect([a1, a2].every(({ told }) => told.includes(hex(inB)))).toBe(true));
    await eventually(() => expect(monitor.status().coverage.full).toBe(2));
  });

  it('a node everything again that gave up an account which belongs to it, and at a pace', async () => {
    const { a1, a2 } = await twoSwarms();
    accounts.all = [inA];
    const { watch } = DEFAULT_MONITOR_TUNING;
    const monitor = await startMonitor({ watch: { ...watch, batchWindowMs: 20, retryMs: [50, 3_600_000] } });
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    const ended = encodeBt(new Map<string, BtInput>([['@', inA.account], ['errcode', 6], ['error', 'x']])); // prettier-ignore
    await a1.router.notify('notify.monitor_ended', ended);
    await a1.router.notify('notify.monitor_ended', ended);
    await eventually(() => expect(monitor.status()).toMatchObject({ monitorEnded: 2, coverage: { full: 1 } }));
    await eventually(() => expect(a1.told).toHaveLength(2));
    await a1.router.notify('notify.monitor_ended', ended);
    await eventually(() => expect(monitor.status()).toMatchObject({ monitorEnded: 3, coverage: { partial: 1 } }));
    expect([a1.told.length, a2.told.length]).toEqual([2, 1]);
  });

  describe('a node that is of no use for long', () => {
    const three = [1, 2, 3].map((index) => accountAt(HALF / 2n, index));
    const everybody = three.length;
    const partly = { full: 0, partial: everybody, none: 0, uncounted: 0 };
    /** How it answers what it is told; what it was told, as the numbers of accounts of each request. */
    async function startBeside(answer: (accounts: number) => 'watched' | 'refused' | null) {
      const { a1 } = await twoSwarms();
      accounts.all = three;
      const requests: number[] = [];
      const node = { requests, answer };
      a1.router.on('monitor.messages', ([part]) => {
        const list = decodeBt(part ?? Buffer.alloc(0)) as unknown[];
        requests.push(list.length);
        const result = node.answer(list.length);
        return result && [encodeBt(list.map(() => (result === 'watched' ? success() : problem(3))))];
      });
      const { watch } = DEFAULT_MONITOR_TUNING;
      const monitor = await startMonitor({
        watch: {
          ...watch,
          ...QUICK_WATCH,
          retryMs: [50, 3_600_000],
          requestDeadlineMs: 100,
          probeMs: 50,
          probeDeadlineMs: 100,
        },
      });
      await eventually(() => expect(requests.filter((count) => count > 1)).toHaveLength(2));
      await eventually(() => expect(requests.length).toBeGreaterThan(5));
      return { node, monitor };
    }

    it.each(['refused', null] as const)(
      'everything soon after it is mended, when it has answered %s',
      async (answer) => {
        const { node, monitor } = await startBeside(() => answer);
        expect(node.requests.filter((count) => count > 1)).toHaveLength(2);
        expect(monitor.status().coverage).toEqual(partly);
        node.answer = () => 'watched';
        await eventually(() => expect(monitor.status().coverage).toEqual({ ...partly, full: everybody, partial: 0 }));
        const { length } = node.requests;
        await new Promise((resolve) => setTimeout(resolve, 200));
        expect(node.requests).toHaveLength(length);
      },
    );

    it('everything soon after it is mended, when it broke its connection at each request', async () => {
      const { a1 } = await twoSwarms();
      accounts.all = three;
      const requests: number[] = [];
      let isMended = false;
      a1.router.on('monitor.messages', ([part], routingId) => {
        const list = decodeBt(part ?? Buffer.alloc(0)) as unknown[];
        requests.push(list.length);
        if (isMended) return [encodeBt(list.map(success))];
        void a1.router.send(routingId, ...MORE_PARTS_THAN_ANY_MESSAGE);
        return null;
      });
      const { lines } = DEFAULT_MONITOR_TUNING;
      const monitor = await startMonitor({ lines: { ...lines, retryMs: [3_600_000], knockMs: 50 } });
      await eventually(() => expect(requests.length).toBeGreaterThan(5));
      expect(new Set(requests.slice(1))).toEqual(new Set([1]));
      expect(requests[0]).toBe(everybody);
      expect(monitor.status()).toMatchObject({ coverage: partly, nodes: { connected: 1, failing: 1 } });
      isMended = true;
      await eventually(() => expect(monitor.status().coverage).toEqual({ ...partly, full: everybody, partial: 0 }));
      expect(requests.filter((count) => count > 1)).toHaveLength(2);
    });

    it('everything once more, when it takes one account and not all', async () => {
      const { node, monitor } = await startBeside(() => 'refused');
      node.answer = (count) => (count > 1 ? 'refused' : 'watched');
      await eventually(() => expect(node.requests.filter((count) => count > 1)).toHaveLength(3));
      const { length } = node.requests;
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(node.requests).toHaveLength(length);
      expect(monitor.status().coverage).toEqual(partly);
    });
  });

  it('all nodes of whom it hears from the nodes themselves when no source answers any more', async () => {
    const { a1, a2 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    source.fail = true;
    const more = await startStorageNode();
    chain.height++;
    chain.nodes = listed(HALF / 2n, a1, a2, more);
    await eventually(() => expect(more.told).toEqual([hex(inA)]));
    expect(monitor.status().list).toMatchObject({ origin: 'nodes', nodes: 3 });
  });
});

describe('SwarmMonitor counts', () => {
  const watched = (accounts: number) => ({ full: accounts, partial: 0, none: 0, uncounted: 0 });

  it('an account once, however many phones it has, how often they subscribe and when they leave', async () => {
    await twoSwarms();
    const [one, other] = [accountAt(HALF / 2n, 1), accountAt(HALF / 2n, 2)];
    const secondPhone = { ...one, signedAt: 2 };
    accounts.all = [one, secondPhone, other];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage).toEqual(watched(2)));
    for (let times = 0; times < 3; times++) monitor.watch([secondPhone, other, one]);
    await eventually(() => expect(monitor.status().results.watched).toBeGreaterThanOrEqual(12));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(monitor.status().coverage).toEqual(watched(2));
    accounts.all = [secondPhone, other];
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(monitor.status().coverage).toEqual(watched(2));
    accounts.all = [other];
    await eventually(() => expect(monitor.status().coverage).toEqual(watched(1)));
  });

  it('an account as confirmed by a node that takes one of its signatures, and not by one that takes none', async () => {
    const { a1, a2 } = await twoSwarms();
    const [one, other] = [accountAt(HALF / 2n, 1), accountAt(HALF / 2n, 2)];
    accounts.all = [one, { ...one, signedAt: 2 }, other];
    let refusals = 0;
    a1.answer = (account) => (account === hex(one) && refusals++ % 2 === 0 ? problem(4) : success());
    a2.answer = (account) => (account === hex(other) ? problem(4) : success());
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage).toEqual({ full: 1, partial: 1, none: 0, uncounted: 0 }));
  });

  it('a new account that a node refuses as not confirmed by it', async () => {
    const { a1 } = await twoSwarms();
    const [one, other] = [accountAt(HALF / 2n, 1), accountAt(HALF / 2n, 2)];
    accounts.all = [one];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage).toEqual(watched(1)));
    a1.answer = (account) => (account === hex(other) ? problem(4) : success());
    accounts.all.push(other);
    monitor.watch([other]);
    await eventually(() => expect(monitor.status().coverage).toEqual({ full: 1, partial: 1, none: 0, uncounted: 0 }));
  });

  it('accounts of which it was not told, and tells its nodes of them', async () => {
    const { a1, a2 } = await twoSwarms();
    const [one, other] = [accountAt(HALF / 2n, 1), accountAt(HALF / 2n, 2)];
    accounts.all = [one];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage).toEqual(watched(1)));
    accounts.all.push(other);
    await eventually(() => expect([a1, a2].every(({ told }) => told.includes(hex(other)))).toBe(true));
    await eventually(() => expect(monitor.status().coverage).toEqual(watched(2)));
  });
});

describe('SwarmMonitor hands on', () => {
  it('a message once, however many nodes report it', async () => {
    const { a1, a2 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    const message = messageFor(inA);
    await Promise.all([a1, a2, a1].map(({ router }) => router.notify(...message)));
    await eventually(() => expect(monitor.status().reports).toMatchObject({ taken: 1, copy: 2 }));
    expect(sink.reports).toMatchObject([{ account: inA.account, namespace: 0, data: Buffer.from('x') }]);
  });

  it('a message whose first report could not be kept', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    sink.failures = 1;
    await a1.router.notify(...messageFor(inA));
    await eventually(() => expect(sink.reports).toHaveLength(1));
    expect(monitor.status().reports).toMatchObject({ failed: 0 });
  });

  it('nothing of a swarm that the node does not belong to, but what it still reports of the one that it left', async () => {
    const { a1, b1, b2 } = await twoSwarms();
    accounts.all = [inA, inB];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(2));
    await b1.router.notify(...messageFor(inA));
    await eventually(() => expect(monitor.status().reports).toMatchObject({ foreign: 1, taken: 0 }));
    chain.height++;
    chain.nodes = [...listed(HALF / 2n, a1, b1), ...listed(HALF + HALF / 2n, b2)];
    await eventually(() => expect(b1.told).toContain(hex(inA)));
    await b1.router.notify(...messageFor(inB));
    await b1.router.notify(...messageFor(inA));
    await eventually(() => expect(monitor.status().reports).toMatchObject({ foreign: 1, taken: 2 }));
    await new Promise((resolve) => setTimeout(resolve, 3100));
    await b1.router.notify(...messageFor(inB));
    await eventually(() => expect(monitor.status().reports).toMatchObject({ foreign: 2, taken: 2 }));
  });

  it('no message that is gone already, and nothing that is no message', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor();
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    await a1.router.notify(...messageFor(inA, { z: Date.now() - 1 }));
    await a1.router.notify('notify.message', 'nonsense');
    await a1.router.notify('notify.monitor_ended', 'nonsense');
    await a1.router.notify('notify.other', 'x');
    await eventually(() => expect(monitor.status()).toMatchObject({ reports: { expired: 1, malformed: 2 }, unknownCommands: 1 })); // prettier-ignore
    expect(sink.reports).toEqual([]);
  });

  it('no message that is older than what is remembered, from a time in which it watched', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    const memoryMs = 500;
    const monitor = await startMonitor({}, new LocalSeenMessages(memoryMs));
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    const watchedAt = Date.now();
    const old = Array.from({ length: 200 }, (_, index) => messageFor(inA, { t: watchedAt + 1 + (index % 10) }));
    await new Promise((resolve) => setTimeout(resolve, memoryMs + 50));
    for (const message of old) await a1.router.notify(...message);
    await eventually(() => expect(monitor.status().reports).toMatchObject({ late: 200, taken: 0 }));
    await a1.router.notify(...messageFor(inA));
    await eventually(() => expect(sink.reports).toHaveLength(1));
  });

  describe('of reports that are older than its memory', () => {
    const MEMORY_MS = 200;
    const outlive = () => new Promise((resolve) => setTimeout(resolve, 2 * MEMORY_MS + 50));
    const begin = () => startMonitor({}, new LocalSeenMessages(MEMORY_MS));

    it('none of a time in which it watched', async () => {
      const { a1, a2 } = await twoSwarms();
      accounts.all = [inA];
      const monitor = await begin();
      await eventually(() => expect(monitor.status().coverage.full).toBe(1));
      const message = messageFor(inA, { t: Date.now() + 1 });
      await a1.router.notify(...message);
      await eventually(() => expect(monitor.status().reports.taken).toBe(1));
      await outlive();
      await a2.router.notify(...message);
      await eventually(() => expect(monitor.status().reports).toMatchObject({ taken: 1, late: 1 }));
      expect(sink.reports).toHaveLength(1);
    });

    it('those of before it watched, and of before a gap', async () => {
      const { a1, a2 } = await twoSwarms();
      accounts.all = [inA];
      const before = messageFor(inA, { t: Date.now() - 1 });
      const monitor = await begin();
      await eventually(() => expect(monitor.status().coverage.full).toBe(1));
      const meanwhile = messageFor(inA, { t: Date.now() + 1 });
      await outlive();
      await a1.router.notify(...before);
      await eventually(() => expect(monitor.status().reports).toMatchObject({ taken: 1, late: 0 }));
      for (const { router } of [a1, a2]) router.stop();
      await eventually(() => expect(monitor.status().coverage.none).toBe(1));
      for (const { router } of [a1, a2]) await router.listen();
      await eventually(() => expect(monitor.status().coverage.full).toBe(1));
      await a1.router.notify(...meanwhile);
      await eventually(() => expect(monitor.status().reports).toMatchObject({ taken: 2, late: 0 }));
    });

    it('those of accounts that nobody watched until the swarm grew by them', async () => {
      const { a1, a2, b1, b2 } = await twoSwarms();
      for (const { router } of [b1, b2]) router.stop();
      accounts.all = [inA, inB];
      const monitor = await begin();
      await eventually(() => expect(monitor.status().coverage.full).toBe(1));
      const unwatched = messageFor(inB, { t: Date.now() + 1 });
      chain.height++;
      chain.nodes = listed(HALF / 2n, a1, a2);
      await eventually(() => expect(monitor.status().coverage.full).toBe(2));
      await outlive();
      await a1.router.notify(...unwatched);
      await eventually(() => expect(monitor.status().reports).toMatchObject({ taken: 1, late: 0 }));
    });
  });

  it('nothing more than it can keep: the rest stays with the node', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor({ maxPendingBytes: 100_000 });
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    const gate = Promise.withResolvers<void>();
    sink.gate = gate.promise;
    const data = Buffer.alloc(70_000);
    for (let sent = 0; sent < 30; sent++) await a1.router.notify(...messageFor(inA, { '~': data }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    gate.resolve();
    await eventually(() => expect(sink.reports).toHaveLength(30));
    expect(monitor.status().nodes.connected).toBe(2);
  });
});

describe('a node that misbehaves', () => {
  const conduct = { ...DEFAULT_MONITOR_TUNING.conduct, maxOffences: 5, asideMs: 400 };

  it('is set aside for a while, and its fellows are not', async () => {
    const { a1, a2 } = await twoSwarms();
    const a3 = await startStorageNode();
    chain.nodes.push(...listed(HALF / 2n, a3));
    accounts.all = [inA];
    const monitor = await startMonitor({ conduct });
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    for (let sent = 0; sent < 5; sent++) await a1.router.notify(...messageFor(inB));
    await eventually(() => expect(monitor.status().nodes).toMatchObject({ wanted: 2, connected: 2, aside: 1 }));
    await a2.router.notify(...messageFor(inA));
    await eventually(() => expect(sink.reports).toHaveLength(1));
    await eventually(() => expect(monitor.status().nodes).toMatchObject({ wanted: 3, connected: 3, aside: 0 }));
  });

  it('is set aside in the swarm that it has moved to', async () => {
    const { a1, a2, b1, b2 } = await twoSwarms();
    accounts.all = [inA, inB];
    const monitor = await startMonitor({ conduct });
    await eventually(() => expect(monitor.status().coverage.full).toBe(2));
    chain.height++;
    chain.nodes = [...listed(HALF / 2n, a1, a2, b1), ...listed(HALF + HALF / 2n, b2)];
    await eventually(() => expect(b1.told).toContain(hex(inA)));
    for (let sent = 0; sent < 5; sent++) await b1.router.notify(...messageFor(accountAt(HALF + HALF / 2n), { n: 'x' }));
    await eventually(() => expect(monitor.status().nodes).toMatchObject({ wanted: 3, aside: 1 }));
  });

  it('is kept when it is one of two: no lie leaves people unwatched', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor({ conduct });
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    for (let sent = 0; sent < 10; sent++) await a1.router.notify(...messageFor(inB));
    await eventually(() => expect(monitor.status().reports.foreign).toBe(10));
    expect(monitor.status().nodes).toMatchObject({ connected: 2, aside: 0 });
  });

  it('is set aside when it makes up messages that nobody else reports, and not for those that others report too', async () => {
    const { a1, a2 } = await twoSwarms();
    const a3 = await startStorageNode();
    chain.nodes.push(...listed(HALF / 2n, a3));
    accounts.all = [inA];
    const monitor = await startMonitor({ conduct: { ...conduct, maxUnconfirmed: 5 } });
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    for (let count = 1; count <= 10; count++) {
      const message = messageFor(inA);
      await a1.router.notify(...message);
      await a2.router.notify(...message);
      await eventually(() => expect(monitor.status().reports.copy).toBe(count));
    }
    expect(monitor.status().setAside).toBe(0);
    for (let sent = 0; sent < 5; sent++) await a1.router.notify(...messageFor(inA));
    await eventually(() => expect(monitor.status()).toMatchObject({ setAside: 1, nodes: { connected: 2, aside: 1 } }));
  });

  it('and reports less than another one does not make that one look as if it made things up', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor({ conduct: { ...conduct, maxUnconfirmed: 5 } });
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    for (let sent = 0; sent < 12; sent++) await a1.router.notify(...messageFor(inA));
    await eventually(() => expect(monitor.status().reports.taken).toBe(12));
    expect(monitor.status()).toMatchObject({ setAside: 0, nodes: { connected: 2, aside: 0 } });
  });

  it('with answers that nobody waits for and greetings is read no faster than its share', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor({ conduct: { ...conduct, reportsPerSecond: 50, burst: 10 } });
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    for (let sent = 0; sent < 20; sent++) {
      await a1.router.notify('REPLY', 'nobody waits for it', 'de');
      await a1.router.notify('HELLO');
    }
    await eventually(() => expect(monitor.status().aboveShare).toBeGreaterThanOrEqual(20));
    await a1.router.notify(...messageFor(inA));
    await eventually(() => expect(monitor.status().reports.taken).toBe(1));
  });

  it('is read no faster than its share', async () => {
    const { a1 } = await twoSwarms();
    accounts.all = [inA];
    const monitor = await startMonitor({
      conduct: { ...conduct, reportsPerSecond: 20, burst: 10, bytesPerReport: 100_000 },
    });
    await eventually(() => expect(monitor.status().coverage.full).toBe(1));
    // So large that few of them are read at once.
    const data = Buffer.alloc(70_000);
    const began = performance.now();
    for (let sent = 0; sent < 30; sent++) await a1.router.notify(...messageFor(inA, { '~': data }));
    await eventually(() => expect(sink.reports).toHaveLength(30));
    expect(performance.now() - began).toBeGreaterThan(800);
  });
});
