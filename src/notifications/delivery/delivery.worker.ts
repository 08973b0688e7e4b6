import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { RepeatedError } from '../../common/repeated-error.js';
import { type Duties, DUTIES } from '../../config/duties.js';
import { Sealing } from '../../sealing/sealing.js';
import { type NewQueueItem, NotificationQueue, type QueueItem } from '../queue/notification-queue.js';
import { sealItem } from '../queue/seal-item.js';
import { type Recipients, RecipientsService } from '../recipients.service.js';
import { DELIVERY_TUNING, type DeliveryTuning } from './delivery-tuning.js';
import { Intake } from './intake.js';
import { type ProviderLane } from './provider-lane.js';
import { ProviderLanes } from './provider-lanes.js';
import { Wakeup } from './wakeup.js';

const ERROR_PAUSE_MS = 1000;

/** A probe of a provider may take a few time-outs; nothing that a loop waits for takes as long as this. */
const STUCK_MS = 5 * 60_000;

/** How long a stop waits, after the sends have ended or were given up, for connections to close. */
const CLOSE_MS = 2000;

/** How often a lane looks for what nobody needs any more; what is claimed by then is found expired anyway. */
const EXPIRY_INTERVAL_MS = 1000;

/** Items of a provider's lane that are claimed together. */
const LANE_BATCH = 128;

/**
 * Moves notifications from the queue to the lanes of their providers, and settles each when every device had its try.
 * One loop takes new notifications, one per provider takes what waits for it. Whatever fails here is tried again:
 * an item that is not settled stays in the queue.
 */
@Injectable()
export class DeliveryWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(DeliveryWorker.name);
  private readonly errors = new RepeatedError((line) => this.logger.error(line));
  private readonly added = new Wakeup();
  private readonly open = new Set<Promise<void>>();
  /** When each loop last came round, on the clock of `performance.now()`. */
  private readonly turns = new Map<string, number>();
  private readonly expiryLook = new Map<ProviderLane, number>();
  private loops: Promise<void>[] = [];
  private stopped = false;

  constructor(
    @Inject(DELIVERY_TUNING) private readonly tuning: DeliveryTuning,
    private readonly queue: NotificationQueue,
    private readonly recipients: RecipientsService,
    private readonly intake: Intake,
    private readonly lanes: ProviderLanes,
    @Inject(DUTIES) private readonly duties: Duties,
    private readonly sealing: Sealing,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.duties.delivers) return;
    this.queue.onAdded(() => this.added.call());
    this.loops = [
      this.loop('intake', () => this.takeNew(), this.added),
      ...this.lanes.all().map((lane) => this.loop(lane.sender.provider, () => this.takeWaiting(lane), new Wakeup())),
    ];
  }

  /** Loops that do not come round any more, by the lane that they take from. */
  stuckLoops(): string[] {
    const now = performance.now();
    return [...this.turns].flatMap(([lane, turn]) => (now - turn > STUCK_MS ? [lane] : []));
  }

  /** Ends the sends under way, within a bound; what has not been sent stays in the queue for the next start. */
  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.added.call();
    for (const lane of this.lanes.all()) lane.sender.stop();
    await Promise.race([this.drain(), sleep(this.tuning.drainMs, undefined, { ref: false })]);
    await Promise.race([this.lanes.close(), sleep(CLOSE_MS, undefined, { ref: false })]);
    await this.queue.flush();
  }

  private async drain(): Promise<void> {
    await Promise.all(this.loops);
    while (this.open.size > 0) await Promise.all(this.open);
  }

  /** Repeats `step` until the server stops; sleeps when there was nothing to do. */
  private async loop(lane: string, step: () => Promise<boolean>, wakeup: Wakeup): Promise<void> {
    while (!this.stopped) {
      this.turns.set(lane, performance.now());
      try {
        if (!(await step())) await wakeup.wait(this.tuning.pollMs);
      } catch (error) {
        this.errors.log({ msg: 'delivery pauses' }, error);
        await wakeup.wait(ERROR_PAUSE_MS);
      }
    }
  }

  private async takeNew(): Promise<boolean> {
    const room = this.tuning.maxOpenNotifications - this.open.size;
    if (room <= 0) return false;
    const items = this.sealed(await this.queue.claim('intake', Math.min(room, this.tuning.intakeBatch)));
    if (items.length === 0) return false;
    const found = await this.findRecipients(items);
    for (const item of items) {
      const recipients = found?.get(item.recipient);
      if (recipients) void this.work(item, () => this.intake.deliver(item, recipients));
    }
    return true;
  }

  /** What was queued before ids and tokens were sealed is still delivered. */
  private sealed(items: QueueItem[]): QueueItem[] {
    return this.sealing.isOn ? items.map((item) => sealItem(this.sealing, item)) : items;
  }

  /** The batch is claimed, so it is asked for until there is an answer; undefined when the server stops. */
  private async findRecipients(items: QueueItem[]): Promise<Map<string, Recipients> | undefined> {
    while (!this.stopped) {
      try {
        return await this.recipients.find([...new Set(items.map(({ recipient }) => recipient))]);
      } catch (error) {
        this.errors.log({ msg: 'recipients could not be looked up' }, error);
        await sleep(ERROR_PAUSE_MS);
      }
    }
    return undefined;
  }

  private async takeWaiting(lane: ProviderLane): Promise<boolean> {
    await this.dropExpired(lane);
    const state = lane.sender.breakerState();
    const limit = state === 'closed' ? Math.min(lane.sender.room(), LANE_BATCH) : state === 'probing' ? 1 : 0;
    if (limit === 0) return false;
    const items = this.sealed(await this.queue.claim(lane.sender.provider, limit));
    const working = items.map((item) => this.work(item, () => lane.deliver({ ...item, targets: item.targets ?? [] })));
    // One probe at a time: wait for its answer before the next look.
    if (state === 'probing') await Promise.all(working);
    return items.length > 0;
  }

  /** A provider that is down for days must not fill the disk with what is too late anyway. */
  private async dropExpired(lane: ProviderLane): Promise<void> {
    const now = performance.now();
    if (now - (this.expiryLook.get(lane) ?? -Infinity) < EXPIRY_INTERVAL_MS) return;
    this.expiryLook.set(lane, now);
    const items = await this.queue.claimExpired(lane.sender.provider, LANE_BATCH);
    if (items.length === LANE_BATCH) this.expiryLook.delete(lane);
    for (const item of items) void this.work(item, () => lane.deliver({ ...item, targets: item.targets ?? [] }));
  }

  private work(item: QueueItem, deliver: () => Promise<NewQueueItem[]>): Promise<void> {
    const working = this.deliverAndSettle(item, deliver).finally(() => this.open.delete(working));
    this.open.add(working);
    return working;
  }

  private async tryToDeliver(item: QueueItem, deliver: () => Promise<NewQueueItem[]>): Promise<NewQueueItem[]> {
    try {
      return await deliver();
    } catch (error) {
      this.errors.log({ msg: 'a notification is tried again' }, error);
      return [{ ...item, availableAt: Date.now() + ERROR_PAUSE_MS }];
    }
  }

  private async deliverAndSettle(item: QueueItem, deliver: () => Promise<NewQueueItem[]>): Promise<void> {
    const later = await this.tryToDeliver(item, deliver);
    for (;;) {
      try {
        return await this.queue.settle(item.id, later);
      } catch (error) {
        this.errors.log({ msg: 'the queue could not be written' }, error);
        if (this.stopped) return;
        await sleep(ERROR_PAUSE_MS);
      }
    }
  }
}
