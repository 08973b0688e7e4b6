import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { Batcher } from '../../common/bounds/batcher.js';
import { newTimedId } from '../../common/time/timed-id.js';
import { Duties } from '../../config/duties.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { inPowersOfTwo, padToPowerOfTwo, placeholders } from '../../database/statement-sizes.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { NO_CONTENT } from '../../providers/push-content.js';
import { findDue } from './due-items.js';
import { depthOfLane } from './lane-depth.js';
import {
  type Lane,
  type LaneDepth,
  LANES,
  type NewQueueItem,
  NotificationQueue,
  type QueueItem,
} from './notification-queue.js';
import { onMessage, sendToPrimary } from '../../cluster/bus.js';
import { NOBODY } from '../../sealing/sealing.js';
import { insertRows, type NewRow, type QueueRow, ROW_COLUMNS, toItem } from './queue-rows.js';
import { QueuedNotification } from './queued-notification.entity.js';
import { MAX_DEATHS, tellSetAside } from './set-aside.js';

/** Added items that go to the worker without being read back; beyond that the table alone keeps them. */
const MAX_IN_HAND = 2000;
const LOOK_INTERVAL_MS = 500;
/** A write that failed may still happen this long after: a database server that was frozen goes on with what it had begun. */
const WATCH_FOR_STRAYS_MS = 60_000;

/** With the lanes as parameters: the indexes begin with them, and a mark alone would be looked for in every row. */
const IS_LEASED = `lane IN (${placeholders(LANES.length)}) AND leased = 1`;
/** Suspects that are worked on at one time. Of the items that a process had when it died, most did not cause it. */
const SUSPECTS_AT_ONCE = 64;
/** Rows that one transaction makes due. */
const MADE_DUE_TOGETHER = 512;

interface Settlement {
  id: string;
  later: QueueItem[];
}

/**
 * The embedded queue: a table of the server's own database, written by group commit.
 *
 * One process delivers, so a claim is a mark that only this process can have set: marks found at start are those of
 * a process that died, and are cleared; one of its items may have caused that. Other processes of the instance add rows
 * without a mark and tell it to look.
 *
 * When a write fails because its answer got lost, its marks may be there all the same and nobody would ever take those
 * rows. So the queue knows what it holds, and after a failure it clears every other mark.
 */
@Injectable()
export class TableQueue extends NotificationQueue implements OnModuleInit, OnApplicationShutdown {
  private readonly inHand: QueueItem[] = [];
  private beingAdded = 0;
  /** Ids of the rows that this process has claimed, from before the mark is written until it is removed. */
  private readonly held = new Set<string>();
  private watchForStraysUntil = 0;
  /** Ids of items that a process had when it died, by the number of processes. */
  private readonly suspects = new Map<1 | 2, string[]>();
  private readonly underSuspicion = new Set<string>();
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
    private readonly metrics: MetricsService,
    private readonly duties: Duties,
    private readonly events: OperatorEvents,
  ) {
    super();
  }

  /** Takes over what the process before had claimed. */
  async onModuleInit(): Promise<void> {
    if (!this.delivers) return;
    this.stopListening = onMessage('notification-added', () => {
      this.intakeInTable = true;
      this.listener();
    });
    await this.takeOver();
  }

  /** The items that the process before had claimed become suspects, unless it ended in good order. */
  private async takeOver(): Promise<void> {
    const marked = await this.rows.query<{ deaths: number | null }[]>(
      `SELECT deaths FROM queued_notifications WHERE ${IS_LEASED}`,
      [...LANES],
    );
    await this.writer.write((manager) =>
      manager.query(
        `UPDATE queued_notifications SET leased = 0, lane = 'aside', deaths = COALESCE(deaths, 0) + 1 WHERE ${IS_LEASED}`,
        [...LANES],
      ),
    );
    const aside = await this.rows.query<{ id: string; deaths: number }[]>(
      `SELECT id, deaths FROM queued_notifications WHERE lane = 'aside' AND leased = 0 ORDER BY accepted_at`,
    );
    for (const times of [1, 2] as const) {
      this.suspects.set(
        times,
        aside.filter(({ deaths }) => deaths === times).map(({ id }) => id),
      );
    }
    tellSetAside(marked.filter(({ deaths }) => (deaths ?? 0) + 1 === MAX_DEATHS).length, this.events);
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  private get delivers(): boolean {
    return this.duties.delivers;
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
    const look = this.intakeInTable || Math.abs(Date.now() - this.lastLook) > LOOK_INTERVAL_MS;
    if (look && performance.now() < this.watchForStraysUntil) await this.clearStrayMarks();
    const older = look ? await this.lookForIntake(limit) : [];
    return [...older, ...this.inHand.splice(0, limit - older.length)];
  }

  override async claimSuspects(deaths: 1 | 2): Promise<QueueItem[]> {
    if (this.underSuspicion.size > 0) return [];
    const once = this.suspects.get(1)?.splice(0, SUSPECTS_AT_ONCE) ?? [];
    const ids = once.length > 0 || deaths < 2 ? once : (this.suspects.get(2)?.splice(0, 1) ?? []);
    if (ids.length === 0) return [];
    try {
      const items = await this.leaseRows(ids);
      for (const { id } of items) this.underSuspicion.add(id);
      return items;
    } catch (error) {
      this.suspects.get(once.length > 0 ? 1 : 2)?.push(...ids);
      throw error;
    }
  }

  override async makeDue(time: number): Promise<void> {
    for (const lane of LANES) {
      for (;;) {
        const later = await this.rows.query<{ id: string }[]>(
          `SELECT id FROM queued_notifications
            WHERE lane = ? AND leased = 0 AND available_at > ? ORDER BY available_at LIMIT ${MADE_DUE_TOGETHER}`,
          [lane, time],
        );
        if (later.length === 0) break;
        await this.writer.write(async (manager) => {
          for (const ids of inPowersOfTwo(later.map(({ id }) => id))) {
            await manager.query(
              `UPDATE queued_notifications SET available_at = ? WHERE id IN (${placeholders(ids.length)})`,
              [Math.min(Date.now(), time), ...ids],
            );
          }
        });
      }
    }
  }

  override settle(id: string, later: NewQueueItem[]): Promise<void> {
    return this.settlements.add({ id, later: later.map((item) => ({ ...item, id: newTimedId() })) });
  }

  override async depth(): Promise<LaneDepth[]> {
    const now = Date.now();
    const depths: LaneDepth[] = [];
    for (const lane of LANES) {
      const depth = await depthOfLane(this.rows.manager, lane, now);
      if (depth) depths.push(depth);
    }
    return depths;
  }

  /** A real write, so that a full disk shows too. */
  override async probe(): Promise<void> {
    await this.writer.write(async (manager) => {
      const [id, now] = [newTimedId(), Date.now()];
      const times = { acceptedAt: now, expiresAt: now, availableAt: now };
      const what = { content: NO_CONTENT, urgency: 'normal' as const, to: null };
      const empty = { lane: 'intake' as const, recipient: NOBODY, ...what, attempts: 0 };
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

  override async release(): Promise<void> {
    const ids = [...this.held];
    await this.writer.write(async (manager) => {
      for (const some of inPowersOfTwo(ids)) await mark(manager, some, false);
    });
  }

  /** All items live equally long (unless the operator changed that lately), so the oldest tell whether any is over. */
  override async claimExpired(lane: Lane, limit: number): Promise<QueueItem[]> {
    const oldest = await this.rows.query<Pick<QueueRow, 'id' | 'expires_at'>[]>(
      `SELECT id, expires_at FROM queued_notifications WHERE lane = ? AND leased = 0 ORDER BY accepted_at LIMIT ?`,
      [lane, limit],
    );
    const now = Date.now();
    return this.leaseRows(oldest.filter((row) => Number(row.expires_at) <= now).map(({ id }) => id));
  }

  private async lookForIntake(limit: number): Promise<QueueItem[]> {
    // Before the look, so that what is added meanwhile is looked for again.
    this.intakeInTable = false;
    let isAll = false;
    try {
      const found = await this.claimFromTable('intake', limit);
      isAll = found.length < limit;
      return found;
    } finally {
      this.lastLook = Date.now();
      if (!isAll) this.intakeInTable = true;
    }
  }

  /** Provider lanes give the newest first: after an outage the newest pushes are the ones that still matter. */
  private async claimFromTable(lane: Lane, limit: number): Promise<QueueItem[]> {
    const order = isInOrder(lane) ? 'first' : 'last';
    return this.leaseRows(await findDue(this.rows.manager, lane, Date.now(), limit, order));
  }

  /** In the order of the ids. */
  private async leaseRows(ids: readonly string[]): Promise<QueueItem[]> {
    if (ids.length === 0) return [];
    const padded = padToPowerOfTwo(ids);
    const found = await this.rows.query<QueueRow[]>(
      `SELECT ${ROW_COLUMNS} FROM queued_notifications WHERE id IN (${placeholders(padded.length)})`,
      padded,
    );
    const rows = new Map(found.map((row) => [row.id, row]));
    return this.lease(ids.flatMap((id) => rows.get(id) ?? []));
  }

  private async lease(rows: QueueRow[]): Promise<QueueItem[]> {
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

  /** Forgets rows whose write failed: this process has not claimed them, even when the table has a mark. */
  private letGo(ids: readonly string[]): void {
    for (const id of ids) this.held.delete(id);
    this.watchForStraysUntil = performance.now() + WATCH_FOR_STRAYS_MS;
    this.intakeInTable = true;
  }

  private async clearStrayMarks(): Promise<void> {
    const marked = await this.rows.query<Pick<QueueRow, 'id'>[]>(
      `SELECT id FROM queued_notifications WHERE ${IS_LEASED}`,
      [...LANES],
    );
    const strays = marked.map(({ id }) => id).filter((id) => !this.held.has(id));
    if (strays.length === 0) return;
    await this.writer.write(async (manager) => {
      for (const ids of inPowersOfTwo(strays)) await mark(manager, ids, false);
    });
  }

  private async writeAdditions(rows: NewRow[]): Promise<void> {
    await this.writer.write((manager) => insertRows(manager, rows));
    this.metrics.groupCommitted('queue-additions', rows.length);
    if (!this.delivers) sendToPrimary({ kind: 'notification-added' });
  }

  private async writeSettlements(batch: Settlement[]): Promise<void> {
    const later = batch.flatMap((settlement) => settlement.later.map((item) => ({ item, leased: false })));
    const ids = padToPowerOfTwo(batch.map(({ id }) => id));
    await this.writer.write(async (manager) => {
      await insertRows(manager, later);
      await manager.query(`DELETE FROM queued_notifications WHERE id IN (${placeholders(ids.length)})`, ids);
    });
    for (const { id } of batch) {
      this.held.delete(id);
      this.underSuspicion.delete(id);
    }
    this.metrics.groupCommitted('queue-settlements', batch.length);
    if (later.some(({ item }) => item.lane === 'intake')) this.intakeInTable = true;
  }
}

/** Of what waits for a provider the newest comes first. */
const isInOrder = (lane: Lane): boolean => lane === 'intake' || lane === 'large';

function mark(manager: EntityManager, ids: readonly string[], leased: boolean): Promise<unknown> {
  const padded = padToPowerOfTwo(ids);
  return manager.query(
    `UPDATE queued_notifications SET leased = ${leased ? 1 : 0} WHERE id IN (${placeholders(padded.length)})`,
    padded,
  );
}
