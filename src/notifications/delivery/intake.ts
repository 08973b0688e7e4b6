import { Inject, Injectable } from '@nestjs/common';
import { gather } from '../../common/gather.js';
import { type Counter, StatisticsService } from '../../statistics/statistics.service.js';
import { type NewQueueItem, type QueueItem } from '../queue/notification-queue.js';
import { type RecipientKind, type Recipients } from '../recipients.service.js';
import { OutcomeCounter } from './outcome-counter.js';
import { ProviderLanes } from './provider-lanes.js';
import { RECIPIENT_LIMITER, type RecipientLimiter } from './recipient-limit.js';

const COUNTER_OF: Record<RecipientKind, Counter> = {
  'one-to-one': 'oneToOneMessages',
  'closed-group': 'closedGroupMessages',
  untracked: 'untrackedMessages',
};

const PASS = { pass: true } as const;

/** Takes a notification whose recipients are known to the lanes of their providers. */
@Injectable()
export class Intake {
  constructor(
    @Inject(RECIPIENT_LIMITER) private readonly limit: RecipientLimiter,
    private readonly lanes: ProviderLanes,
    private readonly statistics: StatisticsService,
    private readonly outcomes: OutcomeCounter,
  ) {}

  /** Resolves, when every device has had its try, with what is to be tried again and when. */
  async deliver(item: QueueItem, { kind, targets }: Recipients): Promise<NewQueueItem[]> {
    if (Date.now() >= item.expiresAt) {
      this.outcomes.dropped('expired', 'all', 1);
      return [];
    }
    // A wake-up in place of folded notifications was put off by the limit, which has counted those already.
    const isWakeup = item.attempts > 0;
    if (!isWakeup) {
      const devices = [...targets.values()].reduce((sum, list) => sum + list.length, 0);
      const decision = devices > 0 ? await this.limit.take(item.recipient, devices, Date.now()) : PASS;
      // Only now: when the limit cannot be asked, the item comes again.
      this.statistics.count('totalMessages');
      this.statistics.count(COUNTER_OF[kind]);
      if (!decision.pass) return this.fold(item, decision.wakeAt);
    }
    const parts: Promise<NewQueueItem[]>[] = [];
    for (const [provider, devices] of targets) {
      const lane = this.lanes.get(provider);
      if (lane) parts.push(lane.deliverFresh({ ...item, targets: devices, attempts: 0 }));
      else this.outcomes.dropped('unconfigured', provider, devices.length);
    }
    return gather(parts);
  }

  private fold(item: QueueItem, wakeAt: number | null): NewQueueItem[] {
    if (wakeAt !== null) return [{ ...item, data: null, availableAt: wakeAt, attempts: 1 }];
    this.outcomes.dropped('folded', 'all', 1, 'recipient-limit');
    return [];
  }
}
