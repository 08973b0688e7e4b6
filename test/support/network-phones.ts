import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { type SwarmNetwork } from '../../gateways/swarm/network.js';
import { type TestGateways } from './gateways.js';
import { repeat } from './instances.js';
import { type OnionHttpClient } from './onion-http.js';
import { openPush } from './opened-push.js';
import { newAndroidToken } from './people.js';
import { type Account, newSessionId, subscribeRequest } from './subscribing-phone.js';

const ADDED = { success: true, added: true, message: 'Subscription successful' };

/** A phone of its own for an account of its own. */
export interface NetworkPhone {
  readonly account: Account;
  readonly token: string;
  readonly encKey: Buffer;
}

export const accountOf = ({ account: { id } }: NetworkPhone): Buffer => Buffer.from(id, 'hex');

/** Accounts tried for one; more than enough for a swarm with a thousandth of them. */
const MAX_TRIES = 20_000;

/** A phone for an account that is as it should be, such as in a certain swarm. */
export function phoneWith(isWanted: (account: Buffer) => boolean): NetworkPhone {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const phone = { account: newSessionId(), token: newAndroidToken(), encKey: randomBytes(32) };
    if (isWanted(accountOf(phone))) return phone;
  }
  throw new Error('no account is as it should be: the swarm has none, or is not there any more');
}

/** Subscribes these phones, each to messages of its account with their content. */
export async function subscribe(onion: OnionHttpClient, phones: readonly NetworkPhone[]): Promise<void> {
  const requests = phones.map(({ account, ...wishes }) => subscribeRequest(account, wishes));
  const { body } = await onion.ask('/subscribe', requests);
  expect(body).toEqual(phones.map(() => ADDED));
}

/** Subscribes new phones, whose accounts are shared out evenly among the swarms: a swarm without one is not watched. */
export async function subscribePhones(
  onion: OnionHttpClient,
  { chain }: SwarmNetwork,
  count = chain.swarmIds.length,
): Promise<NetworkPhone[]> {
  const { swarmIds } = chain;
  const phones = Array.from({ length: count }, (_, place) =>
    phoneWith((account) => chain.swarmOf(account) === swarmIds[place % swarmIds.length]),
  );
  await subscribe(onion, phones);
  return phones;
}

/** On how many lines the members of the accounts' swarms have been asked for them, at the member and account with the fewest. */
export function linesWatching(network: SwarmNetwork, phones: readonly NetworkPhone[]): number {
  const lines = phones.flatMap((phone) =>
    network.membersOf(accountOf(phone)).map(({ node }) => node.subscriptions.of(accountOf(phone)).length),
  );
  return Math.min(...lines);
}

/** Waits until every member of each account's swarm has been asked for it on so many lines: one for each who watches. */
export async function untilWatched(network: SwarmNetwork, phones: readonly NetworkPhone[], lines = 1): Promise<void> {
  await vi.waitUntil(() => linesWatching(network, phones) >= lines, { timeout: 60_000 });
}

export interface StoredText {
  readonly hash: string;
  /** UTC epoch milliseconds. */
  readonly storedAt: number;
}

/** Stores messages for the phones at a steady pace, until it is ended. */
export function storeSteadily(network: SwarmNetwork, phones: readonly NetworkPhone[], pauseMs: number) {
  const stored: StoredText[] = [];
  const stream = repeat(phones.length, async (place) => {
    const phone = phones[place];
    if (!phone) return;
    const hash = await network.store(accountOf(phone), 0, Buffer.from(`message ${randomBytes(8).toString('hex')}`));
    stored.push({ hash, storedAt: Date.now() });
    await sleep(pauseMs);
  });
  return { stored, end: () => stream.end() };
}

/** When each message was pushed, by its hash, as the phones read it. */
function pushesOf(gateways: TestGateways, phones: readonly NetworkPhone[]): Map<string, number[]> {
  const byToken = new Map(phones.map((phone) => [phone.token, phone]));
  const times = new Map<string, number[]>();
  for (const { body, at } of gateways.fcm.received) {
    const phone = byToken.get(body.message.token ?? '');
    if (!phone) continue;
    const { metadata } = openPush(phone.encKey, String(body.message.data?.['enc_payload']));
    const hash = String(metadata['#']);
    times.set(hash, [...(times.get(hash) ?? []), at]);
  }
  return times;
}

/** How often each message has been pushed, by its hash. */
export function countPushes(gateways: TestGateways, phones: readonly NetworkPhone[]): Map<string, number> {
  const counts = [...pushesOf(gateways, phones)].map(([hash, times]) => [hash, times.length] as const);
  return new Map(counts);
}

/** From when each message was stored until it was pushed, in milliseconds, the shortest first. */
export function waitsFor(
  gateways: TestGateways,
  phones: readonly NetworkPhone[],
  stored: readonly StoredText[],
): number[] {
  const pushes = pushesOf(gateways, phones);
  const waits = stored.map(({ hash, storedAt }) => (pushes.get(hash)?.[0] ?? Infinity) - storedAt);
  return waits.toSorted((a, b) => a - b);
}

/** Waits until all have been pushed, and a while for what comes twice; those that were not, and those that were twice. */
export async function untilPushed(
  gateways: TestGateways,
  phones: readonly NetworkPhone[],
  stored: readonly StoredText[],
): Promise<{ missed: StoredText[]; twice: StoredText[] }> {
  const missed = () => {
    const counts = countPushes(gateways, phones);
    return stored.filter(({ hash }) => !counts.has(hash));
  };
  for (const end = Date.now() + 30_000; missed().length > 0 && Date.now() < end;) await sleep(250);
  await sleep(1000);
  const counts = countPushes(gateways, phones);
  return { missed: missed(), twice: stored.filter(({ hash }) => (counts.get(hash) ?? 0) > 1) };
}
