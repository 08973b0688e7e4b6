import { type NewQueueItem } from '../queue/notification-queue.js';
import { type DeliveryResult, type Push, type PushTarget } from '../transports/push-transport.js';
import { type DeliveryTuning } from './delivery-tuning.js';
import { DropCounter } from './drop-counter.js';
import { OutcomePolicy } from './outcome-policy.js';
import { ProviderSender } from './provider-sender.js';
import { StaleFold } from './stale-fold.js';
import { ThrottledDevices } from './throttled-devices.js';

/** A notification's push for devices of one provider. */
export interface LanePush extends NewQueueItem {
  targets: PushTarget[];
}

/** A queue item's list of devices must fit a text column of 64 KB. */
const MAX_TARGETS_PER_ITEM = 50;

/** Brings pushes to one provider and says what is left to do. */
export class ProviderLane {
  private readonly throttled = new ThrottledDevices();
  private readonly fold: StaleFold;

  constructor(
    readonly sender: ProviderSender,
    private readonly policy: OutcomePolicy,
    private readonly drops: DropCounter,
    private readonly tuning: DeliveryTuning,
  ) {
    this.fold = new StaleFold(tuning.keepStalePerDevice, tuning.staleAfterMs);
  }

  /** Delivers a fresh notification's push, or puts it off at once while the provider is down or busy. */
  async deliverFresh(push: LanePush): Promise<NewQueueItem[]> {
    if (this.sender.breakerState() === 'open' || this.sender.room() === 0)
      return this.putOff(push, push.targets, push.availableAt);
    return this.deliver(push);
  }

  /** Resolves, when every device has had its try, with what is to be tried again and when. */
  async deliver(push: LanePush): Promise<NewQueueItem[]> {
    const now = Date.now();
    if (now >= push.expiresAt) {
      this.drops.count('expired', this.sender.provider, push.targets.length);
      return [];
    }
    const later: NewQueueItem[] = [];
    const ready = push.targets.filter((target) => {
      const until = this.throttled.waitUntil(target.token, now);
      if (until !== null) later.push(...this.putOff(push, [target], until));
      return until === null;
    });
    const requests = inPieces(ready, this.sender.maxTargets).map((targets) => this.deliverPiece(push, targets));
    return later.concat(...(await Promise.all(requests)));
  }

  private async deliverPiece(push: LanePush, targets: PushTarget[]): Promise<NewQueueItem[]> {
    const sent = await this.sender.send(() => this.toRequests(push, targets));
    if (!sent) return this.putOff(push, targets, push.availableAt);
    return sent.flatMap(({ part, results }) => this.applyResults(push, part.targets, results));
  }

  /** One request, or for a stale push up to two: with content, and without it for devices that get too many. */
  private toRequests({ notificationId, data, expiresAt, acceptedAt }: LanePush, targets: PushTarget[]): Push[] {
    const push = { notificationId, data, expiresAt };
    if (Date.now() - acceptedAt < this.tuning.staleAfterMs) return [{ ...push, targets }];
    const byDecision = Map.groupBy(targets, ({ token }) => this.fold.decide(token));
    this.drops.count('folded', this.sender.provider, byDecision.get('fold')?.length ?? 0);
    const whole = byDecision.get('send') ?? [];
    const bare = byDecision.get('send-without-content') ?? [];
    return [
      { ...push, targets: whole },
      { ...push, data: null, targets: bare },
    ].filter((request) => request.targets.length > 0);
  }

  private applyResults(push: LanePush, targets: PushTarget[], results: DeliveryResult[]): NewQueueItem[] {
    const attempt = { number: push.attempts + 1, at: Date.now(), random: Math.random() };
    const retries = new Map<number, PushTarget[]>();
    targets.forEach((target, index) => {
      const result = results[index];
      if (!result) throw new Error('a transport gave fewer results than targets');
      const next = this.policy.apply(this.sender.provider, target, result, attempt);
      if (next.step === 'done') return;
      if (next.cause === 'device-throttled') this.throttled.add(target.token, next.at);
      const together = retries.get(next.at);
      if (together) together.push(target);
      else retries.set(next.at, [target]);
    });
    return [...retries].flatMap(([at, devices]) => this.putOff({ ...push, attempts: attempt.number }, devices, at));
  }

  private putOff(push: LanePush, targets: PushTarget[], availableAt: number): NewQueueItem[] {
    return inPieces(targets, MAX_TARGETS_PER_ITEM).map((piece) => ({
      ...push,
      lane: this.sender.provider,
      targets: piece,
      availableAt,
    }));
  }
}

function inPieces<T>(list: T[], size: number): T[][] {
  if (list.length <= size) return list.length > 0 ? [list] : [];
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}
