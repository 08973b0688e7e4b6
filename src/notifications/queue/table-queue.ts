import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit, Optional } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Batcher } from '../../common/batcher.js';
import { type Duties, DUTIES } from '../../config/duties.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { inPowersOfTwo, padToPowerOfTwo, placeholders } from '../../database/statement-sizes.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { type PushTarget } from '../transports/push-transport.js';
import {
  type Lane,
  type LaneDepth,
  type NewQueueItem,
  NotificationQueue,
  type QueueItem,
} from './notification-queue.js';
import { nudgeDeliverer, onNudge } from './nudge.js';
import { QueuedNotification } from './queued-notification.entity.js';

/** Added items that go to the worker without being read back; beyond that the table alone keeps them. */
const MAX_IN_HAND = 2000;
const LOOK_INTERVAL_MS = 500;
/** A write that failed may still happen this long after: a database server that was frozen goes on with what it had begun. */
const WATCH_FOR_STRAYS_MS = 60_000;

const COLUMNS =
  'id, notification_id, lane, leased, available_at, accepted_at, expires_at, attempts, recipient, data, targets';
const COLUMN_COUNT = COLUMNS.split(',').length;
const ROW = `(${placeholders(COLUMN_COUNT)})`;

/** A row as both drivers give it; a large integer may come as text. */
interface Row {
  id: string;
  notification_id: string;
  lane: Lane;
  available_at: number | string;
  accepted_at: number | string;
  expires_at: number | string;
  attempts: number;
  recipient: string;
  data: string | null;
  targets: string | null;
}

interface NewRow {
  item: QueueItem;
  leased: boolean;
}

interface Settlement {
  id: string;
  later: QueueItem[];
}

/**
 * The embedded queue: a table of the server's own database, written by group commit.
 *
 * One process delivers, so a claim is a mark that only this process can have set: marks found at start are those of
 * the process before, and are cleared. Other processes of the instance add rows without a mark and tell it to look.
 *
 * When a write fails because its answer got lost, its marks may be there all the same and nobody would ever take those
 * rows. So the queue knows what it holds, and after a failure it clears every other mark.
 */
@Injectable()
export class TableQueue extends NotificationQueue implements OnModuleInit, OnApplicationShutdown {
  private readonly inHand: QueueItem[] = [];
  private beingAdded = 0;
  /** Ids of the rows whose mark is meant, from before it is set until it is gone. */
  private readonly held = new Set<string>();
  private watchForStraysUntil = 0;
  /** There may be intake items that are not in hand. */
  private intakeInTable = true;
  private lastLook = 0;
  private listener: () => void = () => {};
  private stopListening: () => void = () => {};

  private readonly additions = new Batcher<NewRow>((rows) => this.writeAdditions(rows));
  private readonly settlements = new Batcher<Settlement>((batch) => this.writeSettlements(batch));

  constructor(
    @InjectRepository(QueuedNotification) private readonly rows: Repository<QueuedNotification>,
    private readonly writer: DatabaseWriter,
    @Optional() private readonly metrics?: MetricsService,
    @Optional() @Inject(DUTIES) private readonly duties?: Duties,
  ) {
    super();
  }

  /** Takes over what the process before had claimed. */
  async onModuleInit(): Promise<void> {
    if (!this.delivers) return;
    this.stopListening = onNudge(() => {
      this.intakeInTable = true;
      this.listener();
    });
    await this.writer.write((manager) => manager.update(QueuedNotification, { leased: true }, { leased: false }));
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  private get delivers(): boolean {
    return this.duties?.delivers ?? true;
  }

  override async add(newItem: NewQueueItem): Promise<void> {
    const item = { ...newItem, id: newItem.notificationId };
    const isForNow = this.delivers && item.lane === 'intake' && item.availableAt <= Date.now();
    const leased = isForNow && this.inHand.length + this.beingAdded < MAX_IN_HAND;
    if (leased) {
      this.beingAdded++;
      this.held.add(item.id);
    }
    try {
      await this.additions.add({ item, leased });
      if (leased) this.inHand.push(item);
      else this.intakeInTable = true;
    } catch (error) {
      this.letGo([item.id]);
      throw error;
    } finally {
      if (leased) this.beingAdded--;
    }
    this.listener();
  }

  override async claim(lane: Lane, limit: number): Promise<QueueItem[]> {
    if (lane !== 'intake') return this.claimFromTable(lane, limit);
    // Items that were put off become due with time: look for them now and then.
    const look = this.intakeInTable || Date.now() - this.lastLook > LOOK_INTERVAL_MS;
    if (look && Date.now() < this.watchForStraysUntil) await this.clearStrayMarks();
    const older = look ? await this.claimFromTable(lane, limit) : [];
    if (look) {
      this.lastLook = Date.now();
      this.intakeInTable = older.length === limit;
    }
    return [...older, ...this.inHand.splice(0, limit - older.length)];
  }

  override settle(id: string, later: NewQueueItem[]): Promise<void> {
    return this.settlements.add({ id, later: later.map((item) => ({ ...item, id: uuidv7() })) });
  }

  /** The index alone answers it. */
  override async depth(): Promise<LaneDepth[]> {
    const lanes = await this.rows
      .createQueryBuilder('item')
      .select('item.lane', 'lane')
      .addSelect('COUNT(*)', 'count')
      .addSelect('MIN(item.acceptedAt)', 'oldest')
      .addSelect('MIN(item.availableAt)', 'available')
      .groupBy('item.lane')
      .getRawMany<{ lane: Lane; count: number | string; oldest: number | string; available: number | string }>();
    const now = Date.now();
    return lanes.map(({ lane, count, oldest, available }) => ({
      lane,
      count: Number(count),
      oldestAcceptedAt: Number(oldest),
      dueSince: Number(available) <= now ? Number(available) : null,
    }));
  }

  /** A real write, so that a full disk shows too. */
  override async probe(): Promise<void> {
    await this.writer.write(async (manager) => {
      const [id, now] = [uuidv7(), Date.now()];
      const times = { acceptedAt: now, expiresAt: now, availableAt: now };
      const empty = { lane: 'intake' as const, recipient: '', data: null, targets: null, attempts: 0 };
      await insertRows(manager, [{ item: { ...empty, ...times, id, notificationId: id }, leased: true }]);
      await manager.query('DELETE FROM queued_notifications WHERE id = ?', [id]);
    });
  }

  override onAdded(listener: () => void): void {
    this.listener = listener;
  }

  override async flush(): Promise<void> {
    await this.additions.idle();
    await this.settlements.idle();
  }

  /** All items live equally long (unless the operator changed that lately), so the oldest tell whether any is over. */
  override async claimExpired(lane: Lane, limit: number): Promise<QueueItem[]> {
    const oldest = await this.rows.query<Pick<Row, 'id' | 'expires_at'>[]>(
      `SELECT id, expires_at FROM queued_notifications WHERE lane = ? AND leased = 0 ORDER BY accepted_at LIMIT ?`,
      [lane, limit],
    );
    const now = Date.now();
    const ids = padToPowerOfTwo(oldest.filter((row) => Number(row.expires_at) <= now).map(({ id }) => id));
    if (ids.length === 0) return [];
    return this.lease(
      await this.rows.query<Row[]>(
        `SELECT ${COLUMNS} FROM queued_notifications WHERE id IN (${placeholders(ids.length)})`,
        ids,
      ),
    );
  }

  /** Provider lanes give the newest first: after an outage the newest pushes are the ones that still matter. */
  private async claimFromTable(lane: Lane, limit: number): Promise<QueueItem[]> {
    return this.lease(
      await this.rows.query<Row[]>(
        `SELECT ${COLUMNS} FROM queued_notifications WHERE lane = ? AND leased = 0 AND available_at <= ?
          ORDER BY accepted_at ${lane === 'intake' ? 'ASC' : 'DESC'} LIMIT ?`,
        [lane, Date.now(), limit],
      ),
    );
  }

  private async lease(rows: Row[]): Promise<QueueItem[]> {
    if (rows.length === 0) return [];
    const ids = rows.map(({ id }) => id);
    for (const id of ids) this.held.add(id);
    try {
      await this.writer.write((manager) => mark(manager, ids, true));
    } catch (error) {
      this.letGo(ids);
      throw error;
    }
    return rows.map(toItem);
  }

  /** Of rows whose write failed: nobody here has them, whatever the table says. */
  private letGo(ids: readonly string[]): void {
    for (const id of ids) this.held.delete(id);
    this.watchForStraysUntil = Date.now() + WATCH_FOR_STRAYS_MS;
    this.intakeInTable = true;
  }

  private async clearStrayMarks(): Promise<void> {
    const marked = await this.rows.query<Pick<Row, 'id'>[]>('SELECT id FROM queued_notifications WHERE leased = 1');
    const strays = marked.map(({ id }) => id).filter((id) => !this.held.has(id));
    if (strays.length === 0) return;
    await this.writer.write(async (manager) => {
      for (const ids of inPowersOfTwo(strays)) await mark(manager, ids, false);
    });
  }

  private async writeAdditions(rows: NewRow[]): Promise<void> {
    await this.writer.write((manager) => insertRows(manager, rows));
    this.metrics?.groupCommitted('queue-additions', rows.length);
    if (!this.delivers) nudgeDeliverer();
  }

  private async writeSettlements(batch: Settlement[]): Promise<void> {
    const later = batch.flatMap((settlement) => settlement.later.map((item) => ({ item, leased: false })));
    const ids = padToPowerOfTwo(batch.map(({ id }) => id));
    await this.writer.write(async (manager) => {
      await insertRows(manager, later);
      await manager.query(`DELETE FROM queued_notifications WHERE id IN (${placeholders(ids.length)})`, ids);
    });
    for (const { id } of batch) this.held.delete(id);
    this.metrics?.groupCommitted('queue-settlements', batch.length);
    if (later.some(({ item }) => item.lane === 'intake')) this.intakeInTable = true;
  }
}

function mark(manager: EntityManager, ids: readonly string[], leased: boolean): Promise<unknown> {
  const padded = padToPowerOfTwo(ids);
  return manager.query(
    `UPDATE queued_notifications SET leased = ${leased ? 1 : 0} WHERE id IN (${placeholders(padded.length)})`,
    padded,
  );
}

async function insertRows(manager: EntityManager, rows: NewRow[]): Promise<void> {
  for (const piece of inPowersOfTwo(rows)) {
    const values = new Array<string>(piece.length).fill(ROW).join(', ');
    await manager.query(
      `INSERT INTO queued_notifications (${COLUMNS}) VALUES ${values}`,
      piece.flatMap(({ item, leased }) => [
        item.id,
        item.notificationId,
        item.lane,
        leased ? 1 : 0,
        item.availableAt,
        item.acceptedAt,
        item.expiresAt,
        item.attempts,
        item.recipient,
        item.data,
        item.targets && JSON.stringify(item.targets),
      ]),
    );
  }
}

function toItem(row: Row): QueueItem {
  return {
    id: row.id,
    notificationId: row.notification_id,
    lane: row.lane,
    recipient: row.recipient,
    data: row.data,
    targets: row.targets === null ? null : (JSON.parse(row.targets) as PushTarget[]),
    acceptedAt: Number(row.accepted_at),
    expiresAt: Number(row.expires_at),
    availableAt: Number(row.available_at),
    attempts: row.attempts,
  };
}
