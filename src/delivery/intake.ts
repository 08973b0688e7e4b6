import { Injectable } from '@nestjs/common';
import { StatisticsService } from '../statistics/statistics.service.js';
import { withoutContent } from '../providers/push-content.js';
import { ClockWatch } from './clock-watch.js';
import { type NewQueueItem, type QueueItem } from './queue/notification-queue.js';
import { type Provider } from '../providers/push-transport.js';
import { type RecipientPage, type Recipients } from './recipient-resolver.js';
import { type ProviderLane } from './lanes/provider-lane.js';
import { OutcomeCounter } from './outcomes/outcome-counter.js';
import { ProviderLanes } from './lanes/provider-lanes.js';
import { RecipientLimiter } from './recipient-limit.js';

const PASS = { pass: true } as const;

/** What does not go out at once is kept with its devices up to this number; above it, only where to go on looking them up is kept. */
const MAX_KEPT_TARGETS = 16;

/** Takes a notification whose recipients are known to the lanes of their providers. */
@Injectable()
export class Intake {
  constructor(
    private readonly limit: RecipientLimiter,
    private readonly lanes: ProviderLanes,
    private readonly statistics: StatisticsService,
    private readonly outcomes: OutcomeCounter,
    private readonly clock: ClockWatch,
  ) {}

  /** Resolves, when every device has had its try, with what is to be tried again and when. */
  async deliver(item: QueueItem, { counters, targets }: Recipients): Promise<NewQueueItem[]> {
    if (this.isOver(item)) return [];
    // A wake-up in place of collapsed notifications was put off by the limit, which has counted those already.
    const isWakeup = item.attempts > 0;
    if (targets === 'large') {
      if (!isWakeup) for (const counter of counters) this.statistics.count(counter);
      return this.lanes.all().map(({ sender }) => inPages(item, sender.provider));
    }
    if (!isWakeup) {
      const devices = [...targets.values()].reduce((sum, list) => sum + list.length, 0);
      const decision = devices > 0 ? await this.limit.take(item.recipient, devices, Date.now()) : PASS;
      // Only now: when the limit cannot be asked, the item is tried again.
      for (const counter of counters) this.statistics.count(counter);
      if (!decision.pass) return this.collapse(item, decision.wakeAt);
    }
    const parts: Promise<NewQueueItem[]>[] = [];
    const later: NewQueueItem[] = [];
    for (const [provider, devices] of targets) {
      const lane = this.lanes.get(provider);
      if (!lane) this.outcomes.dropped('unconfigured', provider, devices.length);
      else if (item.to === null && devices.length > MAX_KEPT_TARGETS && !lane.hasRoomFor(devices.length)) {
        later.push(inPages(item, provider));
      } else parts.push(lane.deliverFresh({ ...item, to: { provider, targets: devices }, attempts: 0 }));
    }
    return [...later, ...(await Promise.all(parts)).flat()];
  }

  /** A page of the devices of a large recipient; what is left to do begins with the next page, if there is one. */
  async deliverPage(item: QueueItem, lane: ProviderLane, page: RecipientPage): Promise<NewQueueItem[]> {
    const { provider } = lane.sender;
    const isWakeup = item.attempts > 0;
    const { targets } = page;
    const isBounded = !isWakeup && targets.length > 0;
    const decision = isBounded ? await this.limit.take(item.recipient, targets.length, Date.now()) : PASS;
    if (!decision.pass) return this.collapse(item, decision.wakeAt);
    this.outcomes.dropped('folded', provider, page.leftOut, 'device-limit');
    const { cursor: _, ...push } = item;
    const later = await lane.deliver({ ...push, to: { provider, targets }, attempts: 0 });
    return page.next === null ? later : [{ ...item, cursor: page.next }, ...later];
  }

  /** It has expired, which is counted. */
  isOver(item: QueueItem): boolean {
    if (!this.clock.isOver(item.expiresAt)) return false;
    this.outcomes.dropped('expired', 'all', 1);
    return true;
  }

  private collapse(item: QueueItem, wakeAt: number | null): NewQueueItem[] {
    if (wakeAt !== null) return [{ ...item, content: withoutContent(item.content), availableAt: wakeAt, attempts: 1 }];
    this.outcomes.dropped('folded', 'all', 1, 'recipient-limit');
    return [];
  }
}

const inPages = (item: QueueItem, provider: Provider): NewQueueItem => ({
  ...item,
  lane: 'large',
  to: { provider, targets: [] },
  cursor: '',
});
