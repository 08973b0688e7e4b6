import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { TrustedClock } from '../../common/time/trusted-clock.js';
import { padToPowerOfTwo, placeholders } from '../../database/statement-sizes.js';
import { DamagedRows } from '../../sealing/damaged-rows.js';
import { Sealing, type StoredAccount, type StoredToken } from '../../sealing/sealing.js';
import { SUBSCRIPTION_SECONDS } from './item-checks.js';
import { type PushService } from '../wire/push-service.js';
import { DAMAGED, namespacesOf, openColumn, type SubscriptionKey } from './stored-subscription.js';

/** What a storage node tells of: a message for an account. */
export interface Report {
  /** 66 characters of lower-case hexadecimal. */
  readonly account: string;
  readonly namespace: number;
}

/** A phone that wants to be told. */
export interface Subscriber {
  readonly service: PushService;
  readonly token: StoredToken;
  /** 32 bytes. */
  readonly encKey: Buffer;
  /** Whether the push should carry the message. */
  readonly wantsData: boolean;
  /** What the service needs beside the token. */
  readonly serviceInfo: Buffer | null;
  /** UTC epoch milliseconds of the latest subscribing; removal of a dead token compares it. */
  readonly registeredAt: number;
  /** When its provider took a push to this token, to within some days, UTC epoch milliseconds; null = never. */
  readonly acceptedAt: number | null;
}

interface Row extends SubscriptionKey {
  readonly namespaces: string;
  readonly wants_data: number;
  readonly enc_key: Buffer;
  readonly service_info: Buffer | null;
  readonly registered_at: number | string;
  readonly accepted_at: number | string | null;
}

/** Looks up who wants to be told of a message. */
@Injectable()
export class SubscribersService {
  private readonly damaged = new DamagedRows(new Logger(SubscribersService.name), DAMAGED);

  constructor(
    private readonly dataSource: DataSource,
    private readonly sealing: Sealing,
    private readonly clock: TrustedClock,
  ) {}

  /**
   * The subscribers of each report, in the order of the reports; one query for all of them. Its answer has at most as many
   * rows as these accounts may have subscriptions, which the caller bounds by how many reports it passes.
   */
  async findFor(reports: readonly Report[], now = this.clock.now()): Promise<Subscriber[][]> {
    const asked = reports.map(({ account, namespace }) => ({ account: this.sealing.account(account), namespace }));
    const accounts = new Set(asked.map(({ account }) => account));
    const rows = Map.groupBy(await this.query([...accounts], now), ({ account }) => account);
    return asked.map(({ account, namespace }) =>
      (rows.get(account) ?? [])
        .filter((row) => namespacesOf(row.namespaces).includes(namespace))
        .flatMap((row) => this.toSubscriber(row) ?? []),
    );
  }

  private async query(accounts: readonly StoredAccount[], now: number): Promise<Row[]> {
    if (accounts.length === 0) return [];
    const asked = padToPowerOfTwo(accounts);
    return this.dataSource.query<Row[]>(
      `SELECT account, service, token, namespaces, wants_data, enc_key, service_info, registered_at, accepted_at
         FROM subscriptions WHERE account IN (${placeholders(asked.length)}) AND sig_ts > ?`,
      [...asked, Math.floor(now / 1000) - SUBSCRIPTION_SECONDS],
    );
  }

  private toSubscriber(row: Row): Subscriber | null {
    const { service, token } = row;
    const encKey = openColumn(this.sealing, row, 'enc_key', row.enc_key);
    const serviceInfo = row.service_info && openColumn(this.sealing, row, 'service_info', row.service_info);
    if (!encKey || (row.service_info && !serviceInfo)) return this.damaged.note();
    return {
      ...{ service, token, encKey, serviceInfo },
      wantsData: Boolean(row.wants_data),
      registeredAt: Number(row.registered_at),
      acceptedAt: row.accepted_at === null ? null : Number(row.accepted_at),
    };
  }
}
