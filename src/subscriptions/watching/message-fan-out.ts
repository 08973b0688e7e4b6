import { Injectable } from '@nestjs/common';
import { Batcher } from '../../common/bounds/batcher.js';
import { newTimedId } from '../../common/time/timed-id.js';
import { AppConfig } from '../../config/app-config.js';
import { type NewQueueItem, NotificationQueue } from '../../delivery/queue/notification-queue.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { Sealing } from '../../sealing/sealing.js';
import { StatisticsService } from '../../statistics/statistics.service.js';
import { type Report } from '../../swarms/wire/notify-message.protocol.js';
import { ReportSink } from '../../swarms/watched-accounts.js';
import { addressOf } from '../registry/push-address.js';
import {
  ROOM_FOR_PAYLOAD,
  type ReportedMessage,
  type SealedMessage,
  sealMessage,
} from '../wire/sealed-message.protocol.js';
import { type Subscriber, SubscribersService } from '../registry/subscribers.service.js';

/** Reports whose subscribers are looked up together. */
const REPORTS_PER_QUERY = 64;

const SESSION_ID_PREFIX = 0x05;

/** Messages that a phone shows at once: of a person, and of a group. Whatever else is stored may wait for it to wake. */
const URGENT_NAMESPACES: ReadonlySet<number> = new Set([0, 11]);

interface LookUp {
  readonly account: string;
  readonly namespace: number;
  subscribers: readonly Subscriber[];
}

/**
 * Makes a push for each phone that wants to hear of a reported message, sealed for that phone alone, and puts it into the
 * queue.
 */
@Injectable()
export class MessageFanOut extends ReportSink {
  private readonly lookUps = new Batcher<LookUp>((batch) => this.findSubscribers(batch), REPORTS_PER_QUERY);

  constructor(
    private readonly config: AppConfig,
    private readonly subscribers: SubscribersService,
    private readonly queue: NotificationQueue,
    private readonly sealing: Sealing,
    private readonly statistics: StatisticsService,
    private readonly metrics: MetricsService,
  ) {
    super();
  }

  /**
   * Resolves when all of its pushes are on disk. After a rejection some may be, and go out twice when it is tried again:
   * the apps know messages by their hash.
   */
  override async message(report: Report): Promise<void> {
    const account = report.account.toString('hex');
    const lookUp: LookUp = { account, namespace: report.namespace, subscribers: [] };
    await this.lookUps.add(lookUp);
    const items = lookUp.subscribers.map((subscriber) => this.toItem(toReported(report, account), subscriber));
    await Promise.all(items.map((item) => this.queue.add(item)));
    this.count(report, items.length);
  }

  /** The monitor counts it. The phone signs anew before the nodes forget it, or its subscription expires. */
  override refused(): Promise<void> {
    return Promise.resolve();
  }

  private async findSubscribers(batch: readonly LookUp[]): Promise<void> {
    const found = await this.subscribers.findFor(batch);
    batch.forEach((lookUp, index) => (lookUp.subscribers = found[index] ?? []));
  }

  private toItem(message: ReportedMessage, subscriber: Subscriber): NewQueueItem {
    const { encKey, wantsData, service } = subscriber;
    const sealed = sealMessage(encKey, message, wantsData, ROOM_FOR_PAYLOAD[service]);
    this.metrics.sealedMessage(sealed.content);
    const now = Date.now();
    return {
      notificationId: newTimedId(),
      lane: 'intake',
      recipient: this.sealing.account(message.account),
      content: { kind: 'sealed', payload: sealed.payload },
      urgency: isUrgent(message, sealed) ? 'high' : 'normal',
      to: addressOf(this.sealing, subscriber),
      acceptedAt: now,
      expiresAt: Math.min(now + this.config.notificationTtlMs, message.expiry),
      availableAt: now,
      attempts: 0,
    };
  }

  private count({ account }: Report, pushes: number): void {
    this.statistics.count('totalMessages');
    if (pushes === 0) this.statistics.count('untrackedMessages');
    else this.statistics.count(account[0] === SESSION_ID_PREFIX ? 'oneToOneMessages' : 'closedGroupMessages');
  }
}

const isUrgent = ({ namespace }: ReportedMessage, { content }: SealedMessage): boolean =>
  content === 'message' && URGENT_NAMESPACES.has(namespace);

const toReported = (report: Report, account: string): ReportedMessage => ({
  account,
  hash: report.hash,
  namespace: report.namespace,
  timestamp: report.storedAt,
  expiry: report.expiresAt,
  data: report.data,
});
