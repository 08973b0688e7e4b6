import { Logger } from '@nestjs/common';
import { describeError } from '../../common/describe-error.js';
import { gather } from '../../common/gather.js';
import { type NewQueueItem } from '../queue/notification-queue.js';
import { type DeliveryResult, type Push, type PushTarget, type RetryCause } from '../transports/push-transport.js';
import { backoffMs } from './backoff.js';
import { type DeliveryTuning } from './delivery-tuning.js';
import { OutcomeCounter } from './outcome-counter.js';
import { OutcomePolicy } from './outcome-policy.js';
import { ProviderSender } from './provider-sender.js';
import { StaleFold } from './stale-fold.js';
import { ThrottledDevices } from './throttled-devices.js';

/** A notification's push for devices of one provider. */
export interface LanePush extends NewQueueItem {
  targets: PushTarget[];
}

/** A queue item's list of devices must fit a text column of 64 KB. */
const MAX_TARGETS_BYTES = 60_000;
/** One request each, so an item should not bring too many at once. */
const MAX_SINGLE_TARGETS = 50;

/** A push as it goes out. */
interface OutgoingPush extends Push {
  /** It waited long and took a place among the few of its devices that still go out. */
  stale: boolean;
}

/** What one device is to be left alone for: its other pushes wait too. */
const isDeviceCause = (cause: RetryCause): boolean => cause === 'device-throttled' || cause === 'wrong-address';

/** Brings pushes to one provider and says what is left to do. */
export class ProviderLane {
  private readonly logger = new Logger(ProviderLane.name);
  private readonly throttled = new ThrottledDevices();
  private readonly fold: StaleFold;

  constructor(
    readonly sender: ProviderSender,
    private readonly policy: OutcomePolicy,
    private readonly outcomes: OutcomeCounter,
    private readonly tuning: DeliveryTuning,
  ) {
    this.fold = new StaleFold(tuning.keepStalePerDevice, tuning.staleAfterMs);
  }

  /** Delivers a fresh notification's push; puts off what the provider, being down or busy, has no room for. */
  async deliverFresh(push: LanePush): Promise<NewQueueItem[]> {
    const requests = this.sender.breakerState() === 'open' ? 0 : this.sender.room();
    const now = push.targets.slice(0, requests * this.sender.maxTargets);
    if (now.length === push.targets.length) return this.deliver(push);
    const rest = push.targets.slice(now.length);
    return [...this.putOff(push, rest, push.availableAt), ...(await this.deliver({ ...push, targets: now }))];
  }

  /** Resolves, when every device has had its try, with what is to be tried again and when. */
  async deliver(push: LanePush): Promise<NewQueueItem[]> {
    const now = Date.now();
    if (now >= push.expiresAt) {
      this.outcomes.dropped('expired', this.sender.provider, push.targets.length);
      return [];
    }
    const later: NewQueueItem[] = [];
    const ready = push.targets.filter((target) => {
      if (this.policy.isGone(target)) return false;
      const until = this.throttled.waitUntil(target.token, now);
      if (until !== null) later.push(...this.putOff(push, [target], until));
      return until === null;
    });
    const requests = inPieces(ready, this.sender.maxTargets).map((targets) => this.deliverPiece(push, targets));
    return [...later, ...(await gather(requests))];
  }

  private async deliverPiece(push: LanePush, targets: PushTarget[]): Promise<NewQueueItem[]> {
    try {
      const sent = await this.sender.send(() => this.toRequests(push, targets));
      if (!sent) return this.putOff(push, targets, push.availableAt);
      return sent.flatMap(({ part, results }) => this.applyResults(push, part, results));
    } catch (error) {
      // A fault of ours with one provider is not to repeat the push at the others.
      this.logger.error({ msg: 'a push is tried again', provider: this.sender.provider, error: describeError(error) });
      const attempts = push.attempts + 1;
      const pause = backoffMs(attempts, this.tuning.retryBaseMs, this.tuning.retryMaxMs, Math.random());
      return this.putOff({ ...push, attempts }, targets, Date.now() + pause);
    }
  }

  /** One request, or for a stale push up to two: with content, and without it for devices that get too many. */
  private toRequests({ notificationId, data, expiresAt, acceptedAt }: LanePush, targets: PushTarget[]): OutgoingPush[] {
    const stale = Date.now() - acceptedAt >= this.tuning.staleAfterMs;
    const push = { notificationId, data, expiresAt, stale };
    if (!stale) return [{ ...push, targets }];
    const byDecision = Map.groupBy(targets, ({ token }) => this.fold.decide(token, { notificationId, acceptedAt }));
    this.outcomes.dropped('folded', this.sender.provider, byDecision.get('fold')?.length ?? 0, 'outage');
    const whole = byDecision.get('send') ?? [];
    const bare = byDecision.get('send-without-content') ?? [];
    return [
      { ...push, targets: whole },
      { ...push, data: null, targets: bare },
    ].filter((request) => request.targets.length > 0);
  }

  private applyResults(push: LanePush, { targets, stale }: OutgoingPush, results: DeliveryResult[]): NewQueueItem[] {
    const { notificationId, acceptedAt, attempts } = push;
    const attempt = {
      notificationId,
      acceptedAt,
      number: attempts + 1,
      at: Date.now(),
      random: Math.random(),
      settingsDoubted: this.sender.settingsDoubted,
    };
    const retries = new Map<number, PushTarget[]>();
    const outcomes = targets.map((target, index) => {
      const result = results[index];
      if (!result) throw new Error('a transport gave fewer results than targets');
      return { target, result };
    });
    // What was accepted comes first: it makes credible what the same answer says about the others.
    for (const { target, result } of outcomes.toSorted(deliveredFirst)) {
      if (stale && result.outcome !== 'delivered') this.fold.giveBack(target.token);
      const next = this.policy.apply(this.sender.provider, target, result, attempt);
      if (next.step === 'done') continue;
      if (isDeviceCause(next.cause)) this.throttled.add(target.token, next.at);
      const together = retries.get(next.at);
      if (together) together.push(target);
      else retries.set(next.at, [target]);
    }
    return [...retries].flatMap(([at, devices]) => this.putOff({ ...push, attempts: attempt.number }, devices, at));
  }

  private putOff(push: LanePush, targets: PushTarget[], availableAt: number): NewQueueItem[] {
    const most = Math.max(MAX_SINGLE_TARGETS, this.sender.maxTargets);
    return inRows(targets, most).map((piece) => ({ ...push, lane: this.sender.provider, targets: piece, availableAt }));
  }
}

type Outcome = { result: DeliveryResult };

function deliveredFirst(a: Outcome, b: Outcome): number {
  return Number(b.result.outcome === 'delivered') - Number(a.result.outcome === 'delivered');
}

/** Lists of at most `most` devices that fit a row each. */
function inRows(targets: PushTarget[], most: number): PushTarget[][] {
  const rows: PushTarget[][] = [];
  let bytes = Infinity;
  for (const target of targets) {
    const size = JSON.stringify(target).length + 1;
    const row = rows.at(-1);
    if (row && row.length < most && bytes + size <= MAX_TARGETS_BYTES) {
      row.push(target);
      bytes += size;
    } else {
      rows.push([target]);
      bytes = size;
    }
  }
  return rows;
}

function inPieces<T>(list: T[], size: number): T[][] {
  if (list.length <= size) return list.length > 0 ? [list] : [];
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}
