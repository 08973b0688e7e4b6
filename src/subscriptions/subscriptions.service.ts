import { Injectable } from '@nestjs/common';
import { type EntityManager } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { insertNewest, isAnyOf } from '../database/dialect.js';
import { inPowersOfTwo, padToPowerOfTwo, placeholders } from '../database/statement-sizes.js';
import { type StoredAccount } from '../sealing/sealing.js';
import { makeRoom } from './registry/account-bound.js';
import { type EndingKey, type NewSubscription, type SubscriptionKey } from './registry/stored-subscription.js';

/** `outdated`: what is stored already was signed later, or as late and is to be kept. */
export type SubscribeOutcome = 'added' | 'updated' | 'outdated';
export type UnsubscribeOutcome = 'removed' | 'absent' | 'outdated';

const KEY = ['account', 'service', 'token'] as const;

interface PresentRow extends SubscriptionKey {
  readonly sig_ts: number | string;
  readonly registered_at: number | string;
}

const PRESENT = [...KEY, 'sig_ts', 'registered_at'].join(', ');

interface EndedRow {
  readonly fingerprint: string;
  readonly sig_ts: number | string;
}

/** What is known of a subscription while the items of a request are gone through. */
interface Known {
  readonly account: StoredAccount;
  /** UTC epoch seconds. */
  readonly sigTs: number;
  /** UTC epoch milliseconds. */
  readonly registeredAt: number;
}

interface Stored {
  readonly outcomes: SubscribeOutcome[];
  /** Accounts that have more than before, with their bounds. */
  readonly grown: ReadonlyMap<StoredAccount, number>;
  /** UTC epoch milliseconds. */
  readonly registeredAt: number;
}

/** Neighbours in the table are read together as long as there are not so many times more of them. */
const MOST_OTHERS = 2;

/** A registration further in the future than this was stored by a clock that was wrong, and counts no more. */
const MAX_CLOCK_SKEW_MS = 10 * 60_000;

/**
 * Stores who wants to be told of which account's messages.
 *
 * What was signed last counts, whenever it arrives: a request that somebody kept neither rolls a subscription back nor, for
 * as long as its signature is good, brings back one that has ended.
 */
@Injectable()
export class SubscriptionsService {
  private latestRegistration = 0;

  constructor(private readonly writer: DatabaseWriter) {}

  /**
   * Stores or renews all of them in one transaction; an outcome for each. An account that is full loses others for it. Of
   * those that were signed in the same second the later stays: a phone that asks again may have changed its mind.
   */
  subscribe(wanted: readonly NewSubscription[]): Promise<SubscribeOutcome[]> {
    return this.writer.write(async (manager) => {
      const present = await findPresent(manager, wanted);
      const ends = await findEnds(manager, wanted);
      const { outcomes, grown, registeredAt } = await this.store(manager, wanted, 'replace', { present, ends });
      await makeRoom(manager, grown, registeredAt);
      return outcomes;
    });
  }

  /**
   * Likewise for very many copies from elsewhere: of those that were signed in the same second ours stays.
   *
   * @param areNeighbours nearly all that the table may have between their accounts is of these accounts, so it is read at
   *   one go
   */
  adopt(copies: readonly NewSubscription[], areNeighbours: boolean): Promise<SubscribeOutcome[]> {
    return this.writer.write(async (manager) => {
      const neighbours = areNeighbours ? await findNeighbours(manager, copies) : null;
      const present = neighbours ?? (await findPresent(manager, copies));
      const ends = (await findAllEnds(manager, copies.length)) ?? (await findEnds(manager, copies));
      const { outcomes, grown, registeredAt } = await this.store(manager, copies, 'keep', { present, ends });
      await makeRoom(manager, neighbours ? onlyFull(grown, neighbours) : grown, registeredAt);
      return outcomes;
    });
  }

  /** Ends all of them in one transaction; an outcome for each. */
  unsubscribe(unwanted: readonly EndingKey[]): Promise<UnsubscribeOutcome[]> {
    return this.writer.write(async (manager) => {
      const present = await findPresent(manager, unwanted);
      const ended = new Map<string, EndingKey>();
      const outcomes = unwanted.map((ending): UnsubscribeOutcome => {
        const key = keyOf(ending);
        const before = present.get(key);
        if (!before) return 'absent';
        if (ending.sigTs < before.sigTs) return 'outdated';
        present.delete(key);
        ended.set(key, ending);
        return 'removed';
      });
      await remove(manager, [...ended.values()]);
      return outcomes;
    });
  }

  /** Stores those that are newer than what is there and what has ended; they are added to what is there. */
  private async store(
    manager: EntityManager,
    wanted: readonly NewSubscription[],
    ofEquals: 'keep' | 'replace',
    { present, ends }: { readonly present: Map<string, Known>; readonly ends: ReadonlyMap<string, number> },
  ): Promise<Stored> {
    const registeredAt = this.registrationTime(present.values());
    const changed = new Map<string, NewSubscription>();
    const grown = new Map<StoredAccount, number>();
    const outcomes = wanted.map((subscription): SubscribeOutcome => {
      const { sigTs } = subscription;
      const key = keyOf(subscription);
      const before = present.get(key);
      const latest = Math.max(before?.sigTs ?? 0, ends.get(subscription.fingerprint) ?? 0);
      if (sigTs < latest || (sigTs === latest && ofEquals === 'keep')) return 'outdated';
      present.set(key, { account: subscription.account, sigTs, registeredAt });
      changed.set(key, subscription);
      if (before) return 'updated';
      grown.set(subscription.account, subscription.bound);
      return 'added';
    });
    await save(manager, [...changed.values()], registeredAt);
    return { outcomes, grown, registeredAt };
  }

  /** Later than all of these, so that what is about to be renewed is never mistaken for what it was. */
  private registrationTime(before: Iterable<Known>): number {
    const now = Date.now();
    const times = [...before].map((known) => known.registeredAt).filter((time) => time <= now + MAX_CLOCK_SKEW_MS);
    const next = times.reduce((latest, time) => Math.max(latest, time), this.latestRegistration) + 1;
    this.latestRegistration = next - now > MAX_CLOCK_SKEW_MS ? now : Math.max(now, next);
    return this.latestRegistration;
  }
}

async function findPresent(manager: EntityManager, keys: readonly SubscriptionKey[]): Promise<Map<string, Known>> {
  const found: PresentRow[] = [];
  for (const some of inPowersOfTwo(keys)) {
    const condition = isAnyOf(manager, KEY, some.length);
    found.push(
      ...(await manager.query<PresentRow[]>(
        `SELECT ${PRESENT} FROM subscriptions WHERE ${condition}`,
        some.flatMap(valuesOf),
      )),
    );
  }
  return byKey(found);
}

/**
 * All subscriptions of the accounts from the least to the greatest of these: nothing when the table is new, and the same
 * ones when they are brought again. Null = there are many others between them.
 */
async function findNeighbours(
  manager: EntityManager,
  keys: readonly SubscriptionKey[],
): Promise<Map<string, Known> | null> {
  const accounts = keys.map(({ account }) => account).toSorted();
  const most = MOST_OTHERS * keys.length;
  const found = await manager.query<PresentRow[]>(
    `SELECT ${PRESENT} FROM subscriptions WHERE account BETWEEN ? AND ? LIMIT ?`,
    [accounts[0] ?? '', accounts.at(-1) ?? '', most + 1],
  );
  return found.length > most ? null : byKey(found);
}

const byKey = (rows: readonly PresentRow[]): Map<string, Known> =>
  new Map(
    rows.map((row) => [
      keyOf(row),
      { account: row.account, sigTs: Number(row.sig_ts), registeredAt: Number(row.registered_at) },
    ]),
  );

/**
 * Those accounts that may have come to their bound. One that is far from it stays below, whoever subscribes at the same time.
 *
 * @param present all that those accounts have
 */
function onlyFull(
  grown: ReadonlyMap<StoredAccount, number>,
  present: ReadonlyMap<string, Known>,
): Map<StoredAccount, number> {
  const counts = new Map<StoredAccount, number>();
  for (const { account } of present.values()) counts.set(account, (counts.get(account) ?? 0) + 1);
  return new Map([...grown].filter(([account, bound]) => (counts.get(account) ?? 0) > bound / 2));
}

/** When those that have ended were ended, by fingerprint, in UTC epoch seconds. */
async function findEnds(manager: EntityManager, wanted: readonly EndingKey[]): Promise<Map<string, number>> {
  const fingerprints = padToPowerOfTwo(wanted.map(({ fingerprint }) => fingerprint));
  if (fingerprints.length === 0) return new Map();
  const rows = await manager.query<EndedRow[]>(
    `SELECT fingerprint, sig_ts FROM ended_subscriptions WHERE fingerprint IN (${placeholders(fingerprints.length)})`,
    fingerprints,
  );
  return byFingerprint(rows);
}

/** Null = there are more than that. */
async function findAllEnds(manager: EntityManager, most: number): Promise<Map<string, number> | null> {
  const rows = await manager.query<EndedRow[]>('SELECT fingerprint, sig_ts FROM ended_subscriptions LIMIT ?', [
    most + 1,
  ]);
  return rows.length > most ? null : byFingerprint(rows);
}

const byFingerprint = (rows: readonly EndedRow[]): Map<string, number> =>
  new Map(rows.map((row) => [row.fingerprint, Number(row.sig_ts)]));

/** Whether its provider has accepted the token stays as it was. */
async function save(
  manager: EntityManager,
  subscriptions: readonly NewSubscription[],
  registeredAt: number,
): Promise<void> {
  const rows = inOrder(subscriptions).map(({ columns }) => ({ ...columns, registered_at: registeredAt }));
  for (const some of inPowersOfTwo(rows)) await insertNewest(manager, 'subscriptions', 'sig_ts', some, 'replace');
}

async function remove(manager: EntityManager, ended: readonly EndingKey[]): Promise<void> {
  for (const some of inPowersOfTwo(inOrder(ended))) {
    const condition = isAnyOf(manager, KEY, some.length);
    await manager.query(`DELETE FROM subscriptions WHERE ${condition}`, some.flatMap(valuesOf));
    const rows = some.map(({ fingerprint, sigTs }) => ({ fingerprint, sig_ts: sigTs }));
    await insertNewest(manager, 'ended_subscriptions', 'sig_ts', rows);
  }
}

const keyOf = ({ account, service, token }: SubscriptionKey): string => `${account} ${service} ${token}`;

const valuesOf = ({ account, service, token }: SubscriptionKey): string[] => [account, service, token];

/** Transactions that take rows in the same order do not wait for each other in a circle. */
const inOrder = <Key extends SubscriptionKey>(keys: readonly Key[]): Key[] =>
  keys.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
