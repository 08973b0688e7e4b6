import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { DAY_MS } from '../../config/durations.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { deleteSome, isSqlite } from '../../database/dialect.js';
import { byStorageOrder, sumInPages } from '../../database/table-pages.js';
import { type StoredToken } from '../../sealing/sealing.js';
import { PUSH_SERVICES, type PushService } from '../wire/push-service.js';

/** A token of a service. */
export interface SubscribedToken {
  readonly service: PushService;
  readonly token: StoredToken;
}

/** A token that no app has any more. */
export interface DeadSubscribedToken extends SubscribedToken {
  /** Subscriptions made or renewed after this were made by an app that has it (UTC epoch milliseconds). */
  readonly deadAt: number;
}

/** A token may have any number of subscriptions: they are removed in pieces, between which other writes have their turn. */
const PIECE_ROWS = 500;

/** The names of services are no names of columns. */
const SUMS_BY_SERVICE = Object.fromEntries(
  PUSH_SERVICES.map((service, index) => [`service_${index}`, `SUM(service = '${service}')`]),
);

/** What the providers say about tokens of subscriptions. */
@Injectable()
export class SubscribedTokensService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly writer: DatabaseWriter,
  ) {}

  /**
   * Ends all subscriptions of tokens that are dead, except those that a phone has made or renewed since; returns the tokens
   * that have such ones, and stay.
   */
  async removeUnchanged<Token extends DeadSubscribedToken>(tokens: readonly Token[]): Promise<Token[]> {
    const stay: Token[] = [];
    for (const token of tokens) if (await this.removeOne(token)) stay.push(token);
    return stay;
  }

  /** Notes that providers have taken pushes to these tokens, which gives all subscriptions of them standing. */
  async rememberAccepted(tokens: readonly SubscribedToken[], now = Date.now()): Promise<void> {
    await this.writer.write(async (manager) => {
      for (const { service, token } of tokens) {
        await manager.query(
          'UPDATE subscriptions SET accepted_at = ? WHERE service = ? AND token = ? AND (accepted_at IS NULL OR accepted_at < ?)',
          [now, service, token, now - DAY_MS],
        );
      }
    });
  }

  /** How many subscriptions there are. */
  async count(): Promise<Record<PushService, number>> {
    const { manager } = this.dataSource;
    const counts = isSqlite(manager) ? await countInPages(manager) : await countAtOnce(manager);
    const entries = PUSH_SERVICES.map((service) => [service, counts.get(service) ?? 0] as const);
    return Object.fromEntries(entries) as Record<PushService, number>;
  }

  /** True: there are newer ones of this token. */
  private async removeOne({ service, token, deadAt }: DeadSubscribedToken): Promise<boolean> {
    const removePiece = (manager: EntityManager): Promise<number> =>
      deleteSome(
        manager,
        'subscriptions',
        'service = ? AND token = ? AND registered_at <= ?',
        [service, token, deadAt],
        PIECE_ROWS,
      );
    while ((await this.writer.write(removePiece)) === PIECE_ROWS);
    const [newer] = await this.dataSource.query<unknown[]>(
      'SELECT 1 FROM subscriptions WHERE service = ? AND token = ? LIMIT 1',
      [service, token],
    );
    return newer !== undefined;
  }
}

async function countInPages(manager: EntityManager): Promise<Map<PushService, number>> {
  const sums = await sumInPages(manager, 'subscriptions', byStorageOrder(manager, 'token'), 'service', SUMS_BY_SERVICE);
  return new Map(PUSH_SERVICES.map((service, index) => [service, sums[`service_${index}`] ?? 0]));
}

/** There is no single column by which MariaDB and MySQL could go through the table in pages, and no request waits for it. */
async function countAtOnce(manager: EntityManager): Promise<Map<PushService, number>> {
  const rows = await manager.query<{ service: PushService; count: number | string }[]>(
    'SELECT service, COUNT(*) AS count FROM subscriptions GROUP BY service',
  );
  return new Map(rows.map(({ service, count }) => [service, Number(count)]));
}
