import { Injectable, Logger } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { TrustedClock } from '../../common/time/trusted-clock.js';
import { padToPowerOfTwo, placeholders } from '../../database/statement-sizes.js';
import { DamagedRows } from '../../sealing/damaged-rows.js';
import { Sealing } from '../../sealing/sealing.js';
import { type Credentials } from '../wire/credentials.protocol.js';
import { SUBSCRIPTION_SECONDS } from '../registry/item-checks.js';
import {
  DAMAGED,
  MAX_SUBSCRIPTIONS_PER_GROUP,
  namespacesOf,
  openCredentials,
  type SubscriptionKey,
} from '../registry/stored-subscription.js';

/** Places among the swarms (`swarm-place.protocol.ts`), both ends included. */
export interface PlaceRange {
  readonly first: number;
  readonly last: number;
}

/** Where a page ended. */
export interface PageEnd {
  readonly place: number;
  /** In its stored form. */
  readonly account: string;
}

/** What a phone has signed, for a storage node. */
export interface SignedMonitorRequest extends Credentials {
  readonly namespaces: readonly number[];
  readonly wantsData: boolean;
  /** UTC epoch seconds. */
  readonly sigTs: number;
}

/** An account with all that its phones have signed; what several of them signed alike is there once. */
export interface WatchedAccount {
  /** 33 bytes. */
  readonly account: Buffer;
  readonly requests: readonly SignedMonitorRequest[];
}

export interface WatchedAccounts {
  readonly accounts: readonly WatchedAccount[];
  /** Null = there are no more in this range. */
  readonly end: PageEnd | null;
}

interface Row extends SubscriptionKey {
  readonly swarm_place: number;
  readonly namespaces: string;
  readonly wants_data: number;
  readonly sig_ts: number | string;
  readonly credentials: Buffer;
}

/** A place is 16 bits. A million accounts are some ten thousand rows of an index in each of these. */
const PLACES = 65_536;
const PLACES_PER_QUERY = 1024;

/** A page never divides an account, so it has room for the largest. */
const MIN_PAGE_ROWS = 2 * MAX_SUBSCRIPTIONS_PER_GROUP;

/** Reads which accounts are to be watched, as the monitor of the network needs them: page by page of a swarm's range. */
@Injectable()
export class WatchedAccountsService {
  private readonly damaged = new DamagedRows(new Logger(WatchedAccountsService.name), DAMAGED);

  constructor(
    private readonly dataSource: DataSource,
    private readonly sealing: Sealing,
    private readonly clock: TrustedClock,
  ) {}

  /**
   * The accounts that come after `after`; null = from the beginning. At the edges of a swarm's range an account may be that
   * of a neighbour: a place has only the upper 16 bits of what decides.
   *
   * @param limit subscriptions that are read, about; never fewer than 2,000
   */
  async pageOfAccounts(
    range: PlaceRange,
    after: PageEnd | null,
    limit: number,
    now = this.clock.now(),
  ): Promise<WatchedAccounts> {
    const size = Math.max(limit, MIN_PAGE_ROWS);
    const rows = await this.read(range, after, size, now);
    const groups = [...Map.groupBy(rows, ({ account }) => account).values()];
    const isFull = rows.length >= size;
    // The last one may go on behind the page.
    if (isFull && groups.length > 1) groups.pop();
    const last = groups.at(-1)?.[0];
    return {
      accounts: groups.flatMap((group) => this.toAccount(group) ?? []),
      end: isFull && last ? { place: last.swarm_place, account: last.account } : null,
    };
  }

  /**
   * All that the phones of these accounts have signed; accounts without subscriptions are left out.
   *
   * @param stored in their stored form
   */
  async findAll(stored: readonly string[], now = this.clock.now()): Promise<WatchedAccount[]> {
    const asked = padToPowerOfTwo(stored);
    if (asked.length === 0) return [];
    const rows = await this.dataSource.query<Row[]>(
      `${SELECT} WHERE account IN (${placeholders(asked.length)}) AND sig_ts > ?`,
      [...asked, oldestOf(now)],
    );
    return [...Map.groupBy(rows, ({ account }) => account).values()].flatMap((group) => this.toAccount(group) ?? []);
  }

  /** The places in which there are accounts; what has expired meanwhile may be among them. */
  async placesInUse(): Promise<number[]> {
    const places: number[] = [];
    for (let first = 0; first < PLACES; first += PLACES_PER_QUERY) {
      const rows = await this.dataSource.query<{ swarm_place: number }[]>(
        'SELECT DISTINCT swarm_place FROM subscriptions WHERE swarm_place >= ? AND swarm_place < ?',
        [first, first + PLACES_PER_QUERY],
      );
      for (const row of rows) places.push(row.swarm_place);
      // SQLite answers within the call.
      await nextTurn();
    }
    return places;
  }

  /**
   * How many accounts there are in a range, read from an index alone: what has expired counts until it is removed.
   *
   * @param belongs whether an account counts at the edges of the range
   */
  async countAccounts({ first, last }: PlaceRange, belongs: (account: Buffer) => boolean): Promise<number> {
    const between = await this.dataSource.query<{ count: number | string }[]>(
      `SELECT COUNT(*) AS count FROM (
        SELECT DISTINCT swarm_place, account FROM subscriptions WHERE swarm_place > ? AND swarm_place < ?
      ) AS accounts`,
      [first, last],
    );
    const atEdges = await this.dataSource.query<{ account: string }[]>(
      'SELECT DISTINCT account FROM subscriptions WHERE swarm_place IN (?, ?)',
      [first, last],
    );
    const opened = atEdges.flatMap(({ account }) => this.sealing.openAccount(account) ?? []);
    const own = opened.filter((account) => belongs(Buffer.from(account, 'hex')));
    return Number(between[0]?.count ?? 0) + own.length;
  }

  /** In two steps, because "a greater place, or the same and a greater account" is more than an index can find at once. */
  private async read({ first, last }: PlaceRange, after: PageEnd | null, limit: number, now: number): Promise<Row[]> {
    const oldest = oldestOf(now);
    const order = `AND sig_ts > ? ORDER BY swarm_place, account LIMIT ?`;
    const rows = after
      ? await this.dataSource.query<Row[]>(`${SELECT} WHERE swarm_place = ? AND account > ? ${order}`, [
          ...[after.place, after.account],
          ...[oldest, limit],
        ])
      : [];
    if (rows.length >= limit) return rows;
    const from = after ? after.place + 1 : first;
    const others = await this.dataSource.query<Row[]>(
      `${SELECT} WHERE swarm_place >= ? AND swarm_place <= ? ${order}`,
      [from, last, oldest, limit - rows.length],
    );
    return [...rows, ...others];
  }

  private toAccount(rows: readonly Row[]): WatchedAccount | null {
    const [first] = rows;
    if (!first) return null;
    const account = this.sealing.openAccount(first.account);
    if (account === null) return this.damaged.note();
    const requests = new Map<string, SignedMonitorRequest>();
    for (const row of rows) {
      const request = this.toRequest(row);
      if (request) requests.set(`${row.sig_ts} ${request.signature.toString('base64')}`, request);
    }
    return requests.size === 0 ? null : { account: Buffer.from(account, 'hex'), requests: [...requests.values()] };
  }

  private toRequest(row: Row): SignedMonitorRequest | null {
    const credentials = openCredentials(this.sealing, row, row.credentials);
    if (!credentials) return this.damaged.note();
    return {
      ...credentials,
      namespaces: namespacesOf(row.namespaces),
      wantsData: Boolean(row.wants_data),
      sigTs: Number(row.sig_ts),
    };
  }
}

const SELECT = `SELECT account, service, token, swarm_place, namespaces, wants_data, sig_ts, credentials
  FROM subscriptions`;

const oldestOf = (now: number): number => Math.floor(now / 1000) - SUBSCRIPTION_SECONDS;
