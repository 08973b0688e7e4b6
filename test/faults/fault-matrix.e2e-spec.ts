import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Credentials, makeCredentials } from '../../gateways/certificates.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { TestServer } from '../support/test-server.js';
import { MATRIX, type MatrixFault, type World } from './matrix-faults.js';
import {
  contentOf,
  forgotten,
  newKnownPhones,
  newPhones,
  type Phone,
  type Provider,
  PROVIDERS,
  push,
  receivedBy,
} from './phones.js';

/** More than the floor of the removal brake: here everybody meets the fault. */
const PHONES_WITH_FAULT = 6;
const OTHER_PHONES = 2;
/** Long enough for several tries while the fault is there. */
const FAULT_MS = 250;
const TIMEOUT_MS = 20_000;

/** How long one request may take where answers never come; elsewhere a busy machine must not look like a fault. */
const STALL_MS = 3000;
const REQUEST_MS = 10_000;

interface Row {
  provider: Provider;
  fault: string;
  sent: number;
  delivered: number;
  refused: number;
  duplicates: number;
  'lost within TTL': number;
  'wrongly removed': number;
  'others, p95 ms': number;
}

interface SentPush {
  phone: Phone;
  data: string;
  at: number;
}

describe('pushes while one provider fails', () => {
  const rows = new Map<MatrixFault, Row>();
  let credentials: Credentials;

  beforeAll(async () => {
    credentials = await makeCredentials();
  });
  afterAll(() => console.log(table(MATRIX.flatMap((fault) => rows.get(fault) ?? []))));

  // At one time, because most of a row is waiting; each has gateways and a server of its own.
  it.concurrent.each(MATRIX)('$provider: $name', { timeout: 2 * TIMEOUT_MS }, async (fault) => {
    const world = await makeWorld(credentials, fault.stalls ? STALL_MS : REQUEST_MS);
    try {
      const row = await tryOut(fault, world);
      rows.set(fault, row);
      expect(row).toMatchObject({
        'lost within TTL': 0,
        'wrongly removed': 0,
        ...(fault.repeats ? {} : { duplicates: 0 }),
      });
    } finally {
      await world.server.close();
      await world.gateways.close();
      rmSync(world.folder, { recursive: true, force: true });
    }
  });
});

async function makeWorld(credentials: Credentials, requestTimeoutMs: number): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-matrix-'));
  const gateways = await startGateways(credentials);
  const token = { fetchTimeoutMs: requestTimeoutMs, failurePauseMs: 20, refusalPauseMs: 50 };
  const server = await TestServer.start({
    database: `sqlite:${join(folder, 'matrix.sqlite')}`,
    gateways,
    // Long enough for all of them to be called dead before the first is decided about.
    tuning: { removalHoldMs: 2000 },
    transports: { apns: { requestTimeoutMs }, fcm: { requestTimeoutMs, token }, huawei: { requestTimeoutMs, token } },
  });
  return { server, gateways, folder };
}

async function tryOut(fault: MatrixFault, world: World): Promise<Row> {
  const { server, gateways } = world;
  const others = PROVIDERS.filter((provider) => provider !== fault.provider);
  const afflicted = fault.meetsKnown
    ? await newKnownPhones(server, gateways, fault.provider, PHONES_WITH_FAULT)
    : await newPhones(server, fault.provider, PHONES_WITH_FAULT);
  const spared = (await Promise.all(others.map((provider) => newPhones(server, provider, OTHER_PHONES)))).flat();

  await fault.begin(world, afflicted);
  const [meeting, avoiding] = await Promise.all([send(server, afflicted), send(server, spared)]);
  // No deadline in figures: what is not held up is there before the fault is over.
  const arrived = (pushes: SentPush[]) => pushes.filter((sent) => copies(gateways, sent).length > 0).length;
  await vi.waitUntil(() => arrived(avoiding) === avoiding.length, { timeout: TIMEOUT_MS });
  await sleep(FAULT_MS);
  if (fault.outcome !== 'passes') expect(arrived(meeting)).toBe(0);
  await (fault.end ?? mend)(world, afflicted);
  await server.idle(TIMEOUT_MS);

  const delivered = arrived(meeting);
  const refused = fault.outcome === 'refused' ? meeting.length - delivered : 0;
  const delays = avoiding.map((sent) => (copies(gateways, sent)[0]?.at ?? Infinity) - sent.at);
  return {
    provider: fault.provider,
    fault: fault.name,
    sent: meeting.length,
    delivered,
    refused,
    duplicates: [...meeting, ...avoiding].reduce((sum, sent) => sum + shownAgain(gateways, sent), 0),
    'lost within TTL': meeting.length - delivered - refused,
    'wrongly removed': (await forgotten(server, [...afflicted, ...spared])).length,
    'others, p95 ms': percentile(delays, 0.95),
  };
}

function send(server: TestServer, phones: readonly Phone[]): Promise<SentPush[]> {
  return Promise.all(
    phones.map(async (phone) => {
      const at = Date.now();
      return { phone, data: await push(server, phone), at };
    }),
  );
}

/** The gateways are as they were, but for what they have recorded. */
function mend({ gateways }: World, phones: readonly Phone[]): void {
  const { apns, fcm, huawei } = gateways;
  for (const gateway of [apns, fcm, huawei]) {
    gateway.faults.clear();
    gateway.setMaxConcurrentStreams(1000);
    for (const { token } of phones) gateway.unmark(token);
  }
  for (const { oauthFaults, accessTokens } of [fcm, huawei]) {
    oauthFaults.clear();
    accessTokens.lifetimeSeconds = 3600;
  }
}

const copies = (gateways: TestGateways, { phone, data }: SentPush) =>
  receivedBy(gateways, phone.provider).filter(
    (received) => received.token === phone.token && contentOf(received) === data,
  );

/** How often more than once. An iPhone shows one notification for all attempts with one apns-id. */
function shownAgain(gateways: TestGateways, sent: SentPush): number {
  const received = copies(gateways, sent);
  const shown = sent.phone.provider === 'apns' ? new Set(received.map(({ apnsId }) => apnsId)).size : received.length;
  return Math.max(0, shown - 1);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function table(rows: readonly Row[]): string {
  const [first] = rows;
  if (!first) return 'no fault was tried';
  const names = Object.keys(first) as (keyof Row)[];
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}
