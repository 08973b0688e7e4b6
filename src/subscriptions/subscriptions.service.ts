import { Injectable } from '@nestjs/common';
import { type EntityManager } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { insertNewest, isAnyOf } from '../database/dialect.js';
import { inPowersOfTwo, padToPowerOfTwo, placeholders } from '../database/statement-sizes.js';
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

/** What is known of a subscription while the items of a request are gone through. */
interface Known {
  /** UTC epoch seconds. */
  readonly sigTs: number;
  /** UTC epoch milliseconds. */
  readonly registeredAt: number;
}

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
   * Stores or renews all of them in one transaction; an outcome for each. An account that is full loses others for it.
   *
   * @param ofEquals what happens to one that was signed in the same second as what is there: a phone that asks again may
   *   have changed its mind, whoever brings a copy has not
   */
  subscribe(wanted: readonly NewSubscription[], ofEquals: 'keep' | 'replace' = 'replace'): Promise<SubscribeOutcome[]> {
    return this.writer.write(async (manager) => {
      const present = await findPresent(manager, wanted);
      const ends = await findEnds(manager, wanted);
      const registeredAt = this.registrationTime(present.values());
      const changed = new Map<string, NewSubscription>();
      const grown = new Map<string, number>();
      const outcomes = wanted.map((subscription): SubscribeOutcome => {
        const { sigTs } = subscription;
        const key = keyOf(subscription);
        const before = present.get(key);
        const latest = Math.max(before?.sigTs ?? 0, ends.get(subscription.fingerprint) ?? 0);
        if (sigTs < latest || (sigTs === latest && ofEquals === 'keep')) return 'outdated';
        present.set(key, { sigTs, registeredAt });
        changed.set(key, subscription);
        if (before) return 'updated';
        grown.set(subscription.account, subscription.bound);
        return 'added';
      });
      await save(manager, [...changed.values()], registeredAt);
      await makeRoom(manager, grown, registeredAt);
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
  const present = new Map<string, Known>();
  for (const some of inPowersOfTwo(keys)) {
    const rows = await manager.query<PresentRow[]>(
      `SELECT account, service, token, sig_ts, registered_at FROM subscriptions WHERE ${isAnyOf(manager, KEY, some.length)}`,
      some.flatMap(valuesOf),
    );
    for (const row of rows) {
      present.set(keyOf(row), { sigTs: Number(row.sig_ts), registeredAt: Number(row.registered_at) });
    }
  }
  return present;
}

/** When those that have ended were ended, by fingerprint, in UTC epoch seconds. */
async function findEnds(manager: EntityManager, wanted: readonly EndingKey[]): Promise<Map<string, number>> {
  const fingerprints = padToPowerOfTwo(wanted.map(({ fingerprint }) => fingerprint));
  if (fingerprints.length === 0) return new Map();
  const rows = await manager.query<{ fingerprint: string; sig_ts: number | string }[]>(
    `SELECT fingerprint, sig_ts FROM ended_subscriptions WHERE fingerprint IN (${placeholders(fingerprints.length)})`,
    fingerprints,
  );
  return new Map(rows.map((row) => [row.fingerprint, Number(row.sig_ts)]));
}

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
