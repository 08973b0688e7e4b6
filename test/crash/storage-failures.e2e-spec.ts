import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Notifier, play, Wanderer } from '../support/load/actors.js';
import {
  type BreakableStorage,
  crashedMariaDb,
  createDatabase,
  failingWrites,
  frozenMariaDb,
  fullDisk,
  lockedFile,
  stoppedRedis,
} from '../support/load/breakable-storage.js';
import { type CountedGateways, startCountedGateways } from '../support/load/counted-gateways.js';
import { DeliveryLedger } from '../support/load/delivery-ledger.js';
import { LoadClient } from '../support/load/load-client.js';
import { RegistryLedger } from '../support/load/registry-ledger.js';
import { residentMb, SMALL_HEAP } from '../support/load/resident-memory.js';
import { type StoredState } from '../support/load/stored-state.js';
import { SupervisedServer } from '../support/load/supervised-server.js';
import { findMariaDb, type PrivateMariaDb, startMariaDb } from '../support/private-mariadb.js';
import { findRedis, PrivateRedis } from '../support/private-redis.js';

interface Failure {
  what: string;
  lastsMs: number;
  /** Pages that are free inside of the file, and the log that is there, may last until it is over. */
  mayPassUnnoticed?: boolean;
  /** Null = this machine cannot make it fail so. */
  prepare: () => Promise<BreakableStorage | null>;
}

const PAUSE_MS = 20;
/** Of people each of three clients notifies: enough that no phone gets more than it may in a failure's time. */
const PAIRS = 3;
/** A service node gives up after 25 s. */
const ANSWERED_WITHIN_MS = 23_000;
/** Requests that need no storage are answered within this, on a busy machine too. */
const PROMPT_MS = 3000;
const RECOVERED_WITHIN_MS = 30_000;
const MAX_GROWTH_MB = 40;

const ON_SQLITE: Failure[] = [
  { what: 'a full disk', lastsMs: 3000, mayPassUnnoticed: true, prepare: async () => fullDisk() ?? failingWrites() },
  { what: 'writes that fail', lastsMs: 3000, prepare: async () => failingWrites() },
  { what: 'a database that another process keeps locked', lastsMs: 13_000, prepare: async () => lockedFile() },
];

describe.each(ON_SQLITE)('on SQLite, $what', (failure) => {
  survives(failure);
});

const programs = findMariaDb();

// A server that TEST_MYSQL_URL names is not ours to crash.
describe.skipIf(programs === null)('MariaDB', () => {
  let mariaDb: PrivateMariaDb;
  beforeAll(async () => {
    if (programs) mariaDb = await startMariaDb(programs);
  }, 60_000);
  afterAll(() => mariaDb.stop());

  describe.each<Failure>([
    { what: 'that crashes and comes back', lastsMs: 4000, prepare: () => crashedMariaDb(mariaDb) },
    { what: 'that does not answer for a while', lastsMs: 20_000, prepare: () => frozenMariaDb(mariaDb) },
    { what: 'whose Redis is stopped and started', lastsMs: 5000, prepare: () => withRedis(mariaDb) },
  ])('$what', (failure) => {
    survives(failure);
  });
});

async function withRedis(mariaDb: PrivateMariaDb): Promise<BreakableStorage | null> {
  const program = findRedis();
  return program === null ? null : stoppedRedis(await PrivateRedis.open(program), await createDatabase(mariaDb));
}

/** What holds whatever fails, and for how long. */
function survives({ lastsMs, mayPassUnnoticed = false, prepare }: Failure): void {
  const registry = new RegistryLedger();
  const deliveries = new DeliveryLedger();
  const contradictions: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'spns-failure-'));
  const memory = { before: 0, after: 0 };
  let gateways: CountedGateways;
  let storage: BreakableStorage;
  let server: SupervisedServer;
  let client: LoadClient;
  let slowestProbeMs = 0;
  let answeredAfterwards = 0;
  let left: StoredState;

  beforeAll(async () => {
    gateways = await startCountedGateways(deliveries);
    const prepared = await prepare();
    if (!prepared) throw new Error('The storage cannot be made to fail.');
    storage = prepared;
    server = new SupervisedServer({ ...gateways.environment, ...SMALL_HEAP, ...storage.env }, folder);
    client = new LoadClient(server);
    await server.start();
    const pid = server.pid ?? 0;
    const stage = { client, registry, deliveries, contradictions };
    const notifiers = Array.from({ length: 3 }, () => new Notifier(stage, PAIRS));
    await Promise.all(notifiers.map((notifier) => notifier.settle()));
    const wanderers = Array.from({ length: 6 }, () => new Wanderer(stage));
    const load = play([...notifiers, ...wanderers], PAUSE_MS);
    await sleep(1000);

    memory.before = residentMb(pid);
    await storage.break(pid);
    await probeFor(lastsMs);
    await storage.mend(pid);
    const before = client.tally.acknowledged;
    await until(() => client.tally.acknowledged > before + 50);
    answeredAfterwards = client.tally.acknowledged - before;
    await load.stop();
    await until(() => deliveries.pending() === 0);
    memory.after = residentMb(pid);
    await server.stop();
    left = await storage.read();
    contradictions.push(...registry.differences(left.registry));
  }, 150_000);

  afterAll(async () => {
    await gateways.close();
    await storage.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** An app that the failure does not concern: what it sends cannot be opened and is refused without the storage. */
  async function probeFor(ms: number): Promise<void> {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(100)) {
      const began = performance.now();
      const { onion } = await server.life();
      const { status } = await onion.post('/oxen/v4/lsrpc', 'no onion request');
      if (status !== 400) contradictions.push(`HTTP ${status} to what cannot be opened`);
      slowestProbeMs = Math.max(slowestProbeMs, performance.now() - began);
    }
  }

  it('lets clients wait or tells them, both in time and with a sealed answer', () => {
    expect(mayPassUnnoticed || client.tally.failed > 0 || client.tally.slowestMs > lastsMs / 2).toBe(true);
    expect(client.tally.slowestMs).toBeLessThan(ANSWERED_WITHIN_MS);
    expect(client.tally.unexpected).toEqual([]);
    expect(client.tally.cut).toBe(0);
  });

  it('does not hold up what needs no storage', () => {
    expect(slowestProbeMs).toBeLessThan(PROMPT_MS);
  });

  it('is over when it is over, without a restart', () => {
    expect(answeredAfterwards).toBeGreaterThan(50);
    expect(server.lives).toBe(1);
  });

  it('costs nothing that was acknowledged', () => {
    expect(contradictions).toEqual([]);
    expect(deliveries.summary()).toMatchObject({ lost: 0, strays: 0 });
    expect(left.queued).toEqual([]);
  });

  it('leaves neither an unhandled error nor memory behind', () => {
    expect(server.complaints.filter((line) => !isExpected(line))).toEqual([]);
    expect(memory.after - memory.before).toBeLessThan(MAX_GROWTH_MB);
  });
}

async function until(done: () => boolean): Promise<void> {
  for (const end = Date.now() + RECOVERED_WITHIN_MS; !done() && Date.now() < end;) await sleep(50);
}

/** Log lines in which the server says that its storage fails. */
function isExpected(line: string): boolean {
  return [
    'an onion command failed',
    'Redis is away',
    'delivery pauses',
    'recipients could not be looked up',
    'the queue could not be written',
    'a notification is tried again',
    'statistics could not be written',
    'dead tokens could not be removed, they stay for now',
  ].some((msg) => line.includes(`"msg":"${msg}`));
}
