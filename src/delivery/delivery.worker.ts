import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { RepeatedError } from '../common/words/repeated-error.js';
import { Duties } from '../config/duties.js';
import { sealTarget } from '../sealing/sealed-target.js';
import { Sealing } from '../sealing/sealing.js';
import { type Provider, PROVIDERS } from '../providers/push-transport.js';
import {
  type Lane,
  type NewQueueItem,
  NotificationQueue,
  type PushAddress,
  type QueueItem,
} from './queue/notification-queue.js';
import { RecipientResolver, type Recipients } from './recipient-resolver.js';
import { ClockWatch } from './clock-watch.js';
import { DeliveryTuning } from './delivery-tuning.js';
import { Intake } from './intake.js';
import { type LanePush, type ProviderLane } from './lanes/provider-lane.js';
import { ProviderLanes } from './lanes/provider-lanes.js';
import { Wakeup } from './wakeup.js';

const ERROR_PAUSE_MS = 1000;

/** A probe of a provider may take a few time-outs; nothing that a loop waits for takes longer than this. */
const STUCK_MS = 5 * 60_000;

/** How long a stop waits, after the sends have ended or were given up, for connections to close. */
const CLOSE_MS = 2000;

/** How often a lane looks for expired items; what is claimed before that is found expired anyway. */
const EXPIRY_INTERVAL_MS = 1000;

/** A large recipient whose provider has no room for a page waits for so long. */
const PAGE_PAUSE_MS = 2000;

/** Items that are claimed to find a good probe among them. */
const PROBES = 16;

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
  private readonly pageEnded = new Wakeup();
  private readonly pages = new Map<Provider, number>();
  /** Devices of what is being worked on. */
  private openDevices = 0;
  private startedAt = performance.now();
  private readonly open = new Set<Promise<void>>();
  /** When each loop last finished a round, on the clock of `performance.now()`. */
  private readonly turns = new Map<string, number>();
  private readonly expiryLook = new Map<Lane, number>();
  private loops: Promise<void>[] = [];
  private stopped = false;

  constructor(
    private readonly tuning: DeliveryTuning,
    private readonly queue: NotificationQueue,
    private readonly recipients: RecipientResolver,
    private readonly intake: Intake,
    private readonly lanes: ProviderLanes,
    private readonly duties: Duties,
    private readonly sealing: Sealing,
    private readonly clock: ClockWatch,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.duties.delivers) return;
    this.queue.onAdded(() => this.added.call());
    this.startedAt = performance.now();
    this.loops = [
      this.loop('intake', () => this.takeNew(), this.added),
      this.loop('large', () => this.takeLarge(), this.pageEnded),
      this.loop('aside', () => this.takeSuspects(), new Wakeup()),
      ...this.lanes.all().map((lane) => this.loop(lane.sender.provider, () => this.takeWaiting(lane), new Wakeup())),
    ];
  }

  /** Stuck loops, by the lane that they take from. */
  stuckLoops(): string[] {
    const now = performance.now();
    return [...this.turns].flatMap(([lane, turn]) => (now - turn > STUCK_MS ? [lane] : []));
  }

  /** Finishes the sends under way, within a bound; what has not been sent stays in the queue for the next start. */
  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.added.call();
    this.pageEnded.call();
    for (const lane of this.lanes.all()) lane.sender.stop();
    await Promise.race([this.drain(), sleep(this.tuning.drainMs, undefined, { ref: false })]);
    await Promise.race([this.lanes.close(), sleep(CLOSE_MS, undefined, { ref: false })]);
    await this.queue.flush();
    await this.queue.release();
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
    if (room <= 0 || this.openDevices >= this.tuning.maxOpenDevices) return false;
    const items = this.sealed(await this.queue.claim('intake', Math.min(room, this.tuning.intakeBatch)));
    await this.takeIn(items);
    return items.length > 0;
  }

  /** Hands items to their lanes, some recipients after the others, so that what is in memory is bounded by devices. */
  private async takeIn(items: readonly QueueItem[]): Promise<void> {
    // Expired items are dropped before any look-up, which would be wasted on them.
    const over = items.filter((item) => this.clock.isOver(item.expiresAt));
    for (const item of over) void this.work(item, () => this.intake.deliver(item, NOBODY));
    let rest = items.filter((item) => !over.includes(item));
    for (let size = rest.length; rest.length > 0 && !this.stopped;) {
      const found = await this.findRecipients(rest.slice(0, size));
      if (!found) return;
      const ready = rest.filter((item) => item.to !== null || found.has(item.recipient));
      rest = rest.filter((item) => !ready.includes(item));
      for (const item of ready) {
        const recipients = item.to ? ownRecipients(item.to) : found.get(item.recipient);
        if (recipients) void this.work(item, () => this.intake.deliver(item, recipients), devicesOf(recipients));
      }
      // With large recipients there is no use in asking for many at once.
      const isLarge = [...found.values()].some(({ targets }) => targets === 'large');
      size = isLarge ? 1 : Math.max(1, found.size * 2);
      while (this.openDevices >= this.tuning.maxOpenDevices && !this.stopped) await sleep(this.tuning.pollMs);
    }
  }

  /**
   * What processes died with: some at a time, and beside everything else, so that a death tells which it was. What two
   * died with waits until this one has lived for a while, or it would be blamed for ends that have another reason.
   */
  private async takeSuspects(): Promise<boolean> {
    await this.dropExpired('aside');
    const isLate = performance.now() - this.startedAt >= this.tuning.suspectsAfterMs;
    const items = this.sealed(await this.queue.claimSuspects(isLate ? 2 : 1));
    await this.takeIn(items.filter(({ lane }) => lane === 'intake'));
    for (const item of items) {
      const lane = item.to && this.lanes.get(item.to.provider);
      if (item.lane === 'intake') continue;
      if (!lane) void this.work(item, async () => []);
      else if (item.cursor === undefined) void this.work(item, () => lane.deliver(addressed(item, lane)));
      else void this.work(item, () => this.deliverPage(item, lane));
    }
    return items.length > 0;
  }

  /** Large recipients, a page of devices after the other, and few at a time. */
  private async takeLarge(): Promise<boolean> {
    await this.dropExpired('large');
    const busy = [...this.pages.values()].reduce((sum, count) => sum + count, 0);
    const room = this.tuning.pagesAtOnce * this.lanes.all().length - busy;
    if (room <= 0 || this.openDevices >= this.tuning.maxOpenDevices) return false;
    const items = this.sealed(await this.queue.claim('large', room));
    for (const item of items) {
      const lane = item.to && this.lanes.get(item.to.provider);
      if (!lane) void this.work(item, async () => []);
      else if (this.hasRoomForPage(lane)) void this.work(item, () => this.deliverPage(item, lane));
      else void this.work(item, async () => [{ ...item, availableAt: Date.now() + PAGE_PAUSE_MS }]);
    }
    return items.length > 0;
  }

  private hasRoomForPage({ sender }: ProviderLane): boolean {
    const busy = this.pages.get(sender.provider) ?? 0;
    return busy < this.tuning.pagesAtOnce && sender.breakerState() !== 'open' && sender.room() > 0;
  }

  private async deliverPage(item: QueueItem, lane: ProviderLane): Promise<NewQueueItem[]> {
    if (this.intake.isOver(item)) return [];
    const { provider } = lane.sender;
    this.pages.set(provider, (this.pages.get(provider) ?? 0) + 1);
    let devices = 0;
    try {
      const page = await this.recipients.page(item.recipient, provider, item.cursor ?? '');
      devices = page.targets.length;
      this.openDevices += devices;
      return await this.intake.deliverPage(item, lane, page);
    } finally {
      this.openDevices -= devices;
      this.pages.set(provider, (this.pages.get(provider) ?? 1) - 1);
      this.pageEnded.call();
    }
  }

  /** What was queued before ids and tokens were sealed with the data key in use is still delivered. */
  private sealed(items: QueueItem[]): QueueItem[] {
    return this.sealing.isOn ? items.map((item) => sealItem(this.sealing, item)) : items;
  }

  /**
   * For the first of them at least. The batch is claimed, so it is asked for until there is an answer; undefined when the
   * server stops.
   */
  private async findRecipients(items: readonly QueueItem[]): Promise<Map<string, Recipients> | undefined> {
    const unknown = items.flatMap(({ recipient, to }) => (to === null ? [recipient] : []));
    if (unknown.length === 0) return new Map();
    while (!this.stopped) {
      try {
        return await this.recipients.find([...new Set(unknown)], this.tuning.lookUpDevices);
      } catch (error) {
        this.errors.log({ msg: 'recipients could not be looked up' }, error);
        await sleep(ERROR_PAUSE_MS);
      }
    }
    return undefined;
  }

  private async takeWaiting(lane: ProviderLane): Promise<boolean> {
    await this.dropExpired(lane.sender.provider);
    const state = lane.sender.breakerState();
    const limit = state === 'closed' ? Math.min(lane.sender.room(), LANE_BATCH) : state === 'probing' ? PROBES : 0;
    if (limit === 0) return false;
    const items = this.sealed(await this.queue.claim(lane.sender.provider, limit));
    let isProbing = state !== 'closed';
    let rest = isProbing ? lane.probesFirst(items) : items;
    for (let push = rest[0]; push; push = rest[0]) {
      rest = rest.slice(1);
      const item = push;
      const working = this.work(item, () => lane.deliver(addressed(item, lane)));
      // One probe at a time: wait for its answer before the next.
      if (lane.sender.breakerState() !== 'closed') await working;
      if (!isProbing || lane.sender.breakerState() !== 'closed') continue;
      // The provider works again: what is left goes as it always does, the newest first.
      isProbing = false;
      rest = rest.toSorted((one, other) => other.acceptedAt - one.acceptedAt);
    }
    return items.length > 0;
  }

  /** A provider that is down for days must not fill the disk with expired items. */
  private async dropExpired(name: Lane): Promise<void> {
    const now = performance.now();
    if (now - (this.expiryLook.get(name) ?? -Infinity) < EXPIRY_INTERVAL_MS) return;
    this.expiryLook.set(name, now);
    if (!this.clock.isOver(0)) return;
    const items = await this.queue.claimExpired(name, LANE_BATCH);
    if (items.length === LANE_BATCH) this.expiryLook.delete(name);
    for (const item of items) {
      const lane = PROVIDERS.some((provider) => provider === name) && item.to && this.lanes.get(item.to.provider);
      if (lane) void this.work(item, () => lane.deliver(addressed(item, lane)));
      else void this.work(item, () => this.intake.deliver(item, NOBODY));
    }
  }

  private work(item: QueueItem, deliver: () => Promise<NewQueueItem[]>, devices = 0): Promise<void> {
    this.openDevices += devices;
    const working = this.deliverAndSettle(item, deliver).finally(() => {
      this.openDevices -= devices;
      this.open.delete(working);
    });
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

/** The recipients of expired items, which are not looked up. */
const NOBODY: Recipients = { targets: new Map(), counters: [] };

const devicesOf = ({ targets }: Recipients): number =>
  targets === 'large' ? 0 : [...targets.values()].reduce((sum, list) => sum + list.length, 0);

/** An item that brings its devices was counted when it was added. */
const ownRecipients = ({ provider, targets }: PushAddress): Recipients => ({
  targets: new Map([[provider, targets]]),
  counters: [],
});

const addressed = (item: QueueItem, { sender }: ProviderLane): LanePush => ({
  ...item,
  to: item.to ?? { provider: sender.provider, targets: [] },
});

/**
 * Seals the ids and tokens of an item that was queued before the data key in use was; an item that is sealed with it comes
 * back as it is.
 */
export function sealItem(sealing: Sealing, item: QueueItem): QueueItem {
  const recipient = sealing.id(item.recipient);
  if (recipient === item.recipient) return item;
  const to = item.to && {
    ...item.to,
    targets: item.to.targets.map((target) => sealTarget(sealing, target)),
  };
  // A cursor is made of what was stored before, so the pages begin again.
  return { ...item, recipient, to, ...(item.cursor === undefined ? {} : { cursor: '' }) };
}
