import { Logger } from '@nestjs/common';
import { describeError } from '../../common/words/describe-error.js';
import { type NewQueueItem, type PushAddress } from '../queue/notification-queue.js';
import { withoutContent } from '../../providers/push-content.js';
import { type DeliveryResult, type RetryCause, type StoredTarget } from '../../providers/push-transport.js';
import { backoffMs } from '../../common/time/backoff.js';
import { inPieces } from '../../common/bounds/in-pieces.js';
import { type ClockWatch } from '../clock-watch.js';
import { type DeliveryTuning } from '../delivery-tuning.js';
import { OutcomeCounter } from '../outcomes/outcome-counter.js';
import { OutcomePolicy } from '../outcomes/outcome-policy.js';
import { type AddressedPush, ProviderSender } from './provider-sender.js';
import { DeviceBound } from './device-bound.js';
import { StaleCollapse } from './stale-collapse.js';
import { ThrottledDevices } from './throttled-devices.js';

/** A notification's push for devices of one provider. */
export interface LanePush extends NewQueueItem {
  to: PushAddress;
}

/** A queue item's list of devices must fit a text column of 64 KB. */
const MAX_TARGETS_BYTES = 60_000;
/** One request each, so an item should not bring too many at once. */
const MAX_SINGLE_TARGETS = 50;

/** A push as it goes out. */
interface OutgoingPush extends AddressedPush {
  targets: StoredTarget[];
  /** It waited long and took a place among the few of its devices that still go out. */
  stale: boolean;
}

/** A push that cannot serve as a probe is looked at again after this. */
const PROBE_PAUSE_MS = 1000;

/** Causes that concern one device, whose other pushes wait too. */
const isDeviceCause = (cause: RetryCause): boolean =>
  cause === 'device-throttled' || cause === 'wrong-address' || cause === 'host-down';

/** Brings pushes to one provider and says what is left to do. */
export class ProviderLane {
  private readonly logger = new Logger(ProviderLane.name);
  private readonly throttled = new ThrottledDevices();
  private readonly staleCollapse: StaleCollapse;
  private readonly bound: DeviceBound;
  private readonly isKnown = (target: StoredTarget): boolean => this.sender.isKnown(target);

  constructor(
    readonly sender: ProviderSender,
    private readonly policy: OutcomePolicy,
    private readonly outcomes: OutcomeCounter,
    private readonly tuning: DeliveryTuning,
    private readonly clock: ClockWatch,
  ) {
    this.staleCollapse = new StaleCollapse(tuning.keepStalePerDevice, tuning.staleAfterMs);
    this.bound = new DeviceBound(tuning);
  }

  /**
   * In the order in which they are good probes: with a token that the provider accepted before, the oldest first, and
   * one recipient after the other, so that nobody's own odd devices or flood are taken for the provider's state.
   */
  probesFirst<Item extends NewQueueItem>(items: readonly Item[]): Item[] {
    const seen = new Map<string, number>();
    const rank = (item: Item): [number, number, number] => {
      const isKnown = item.to?.targets.some(this.isKnown) ?? false;
      const turn = seen.get(item.recipient) ?? 0;
      seen.set(item.recipient, turn + 1);
      return [isKnown ? 0 : 1, turn, item.acceptedAt];
    };
    return items
      .toSorted((one, other) => one.acceptedAt - other.acceptedAt)
      .map((item) => ({ item, rank: rank(item) }))
      .toSorted((one, other) => compare(one.rank, other.rank))
      .map(({ item }) => item);
  }

  /** Whether so many devices could be sent to without waiting in the queue. */
  hasRoomFor(devices: number): boolean {
    return this.sender.breakerState() !== 'open' && devices <= this.sender.room() * this.sender.maxTargets;
  }

  /** Delivers a fresh notification's push; puts off what the provider, being down or busy, has no room for. */
  async deliverFresh(push: LanePush): Promise<NewQueueItem[]> {
    const requests = this.sender.breakerState() === 'open' ? 0 : this.sender.room();
    const { targets } = push.to;
    const now = targets.slice(0, requests * this.sender.maxTargets);
    if (now.length === targets.length) return this.deliver(push);
    const rest = targets.slice(now.length);
    const sent = this.deliver({ ...push, to: { ...push.to, targets: now } });
    return [...this.putOff(push, rest, push.availableAt), ...(await sent)];
  }

  /** Resolves, when every device has had its try, with what is to be tried again and when. */
  async deliver(push: LanePush): Promise<NewQueueItem[]> {
    const now = Date.now();
    if (this.clock.isOver(push.expiresAt)) {
      this.outcomes.dropped('expired', this.sender.provider, push.to.targets.length);
      return [];
    }
    const later: NewQueueItem[] = [];
    const ready = push.to.targets.filter((target) => {
      if (this.policy.isGone(target)) return false;
      const steady = performance.now();
      const until = this.throttled.waitUntil(target.token, steady);
      if (until !== null) later.push(...this.putOff(push, [target], Math.ceil(now + until - steady)));
      return until === null;
    });
    // Unproven tokens get requests of their own: an answer that made-up ones cause must not concern the others.
    const [known, strangers] = [ready.filter(this.isKnown), ready.filter((target) => !this.isKnown(target))];
    const pieces = [known, strangers].flatMap((targets) => inPieces(targets, this.sender.maxTargets));
    const requests = pieces.map((targets) => this.deliverPiece(push, targets));
    return [...later, ...(await Promise.all(requests)).flat()];
  }

  private async deliverPiece(push: LanePush, targets: StoredTarget[]): Promise<NewQueueItem[]> {
    try {
      const later: NewQueueItem[] = [];
      const sent = await this.sender.send(() => this.toRequests(push, targets, later), targets.some(this.isKnown));
      if (!sent) return this.putOff(push, targets, this.afterProbes(push.availableAt));
      return [...later, ...sent.flatMap(({ part, results }) => this.applyResults(push, part, results))];
    } catch (error) {
      // A fault of ours with one provider is not to repeat the push at the others.
      this.logger.error({ msg: 'a push is tried again', provider: this.sender.provider, error: describeError(error) });
      const attempts = push.attempts + 1;
      const pause = backoffMs(attempts, this.tuning.retryBaseMs, this.tuning.retryMaxMs, Math.random());
      return this.putOff({ ...push, attempts }, targets, Date.now() + pause);
    }
  }

  /** While a provider is probed, what was no use as a probe makes way for the next. */
  private afterProbes(availableAt: number): number {
    return this.sender.breakerState() === 'probing' ? Math.max(availableAt, Date.now() + PROBE_PAUSE_MS) : availableAt;
  }

  /** One request, or up to two: with content, and without it for devices that get too many. */
  private toRequests(push: LanePush, targets: StoredTarget[], later: NewQueueItem[]): OutgoingPush[] {
    const { notificationId, recipient, content, urgency, acceptedAt } = push;
    const expiresAt = this.clock.toWallClock(push.expiresAt);
    const stale = this.clock.isOver(acceptedAt + this.tuning.staleAfterMs);
    const outgoing = { notificationId, recipient, content, urgency, expiresAt, stale };
    const decided = stale ? this.collapseStale(push, targets) : this.boundDevices(push, targets, later);
    return [
      { ...outgoing, targets: decided.whole },
      { ...outgoing, content: withoutContent(content), targets: decided.bare },
    ].filter((request) => request.targets.length > 0);
  }

  private collapseStale({ notificationId, acceptedAt }: LanePush, targets: readonly StoredTarget[]): Decided {
    const decisions = Map.groupBy(targets, ({ token }) =>
      this.staleCollapse.decide(token, { notificationId, acceptedAt }),
    );
    this.outcomes.dropped('folded', this.sender.provider, decisions.get('collapse')?.length ?? 0, 'outage');
    return { whole: decisions.get('send') ?? [], bare: decisions.get('send-without-content') ?? [] };
  }

  /** A push that was tried before has taken its place already. */
  private boundDevices(push: LanePush, targets: StoredTarget[], later: NewQueueItem[]): Decided {
    if (push.attempts > 0) return { whole: targets, bare: [] };
    const decided: Decided = { whole: [], bare: [] };
    let collapsed = 0;
    for (const target of targets) {
      const decision = this.bound.take(target.token, target.isThroughGroup ?? false, performance.now());
      switch (decision.kind) {
        case 'send':
          decided.whole.push(target);
          break;
        case 'send-without-content':
          decided.bare.push(target);
          break;
        case 'send-later':
          later.push(...this.putOff(toWakeup(push), [target], Date.now() + decision.afterMs));
          break;
        case 'collapse':
          collapsed++;
      }
    }
    this.outcomes.dropped('folded', this.sender.provider, collapsed, 'device-bound');
    return decided;
  }

  private applyResults(push: LanePush, part: OutgoingPush, results: DeliveryResult[]): NewQueueItem[] {
    const { targets, stale } = part;
    // Others were collapsed into a stale one without content: it has to come so, whenever it comes.
    const content = stale ? part.content : push.content;
    const { recipient, acceptedAt, attempts } = push;
    const attempt = {
      recipient,
      acceptedAt,
      number: attempts + 1,
      at: Date.now(),
      random: Math.random(),
      settingsDoubted: this.sender.settingsDoubted,
    };
    const retries = new Map<number, StoredTarget[]>();
    const outcomes = targets.map((target, index) => {
      const result = results[index];
      if (!result) throw new Error('a transport gave fewer results than targets');
      return { target, result };
    });
    // What was accepted comes first: it makes credible what the same answer says about the others.
    for (const { target, result } of outcomes.toSorted(deliveredFirst)) {
      if (stale && result.outcome !== 'delivered') this.staleCollapse.giveBack(target.token);
      const next = this.policy.apply(this.sender.provider, target, result, attempt);
      if (next.step === 'done') continue;
      if (isDeviceCause(next.cause)) this.throttled.add(target.token, performance.now() + next.at - attempt.at);
      const together = retries.get(next.at);
      if (together) together.push(target);
      else retries.set(next.at, [target]);
    }
    return [...retries].flatMap(([at, devices]) =>
      this.putOff({ ...push, content, attempts: attempt.number }, devices, at),
    );
  }

  private putOff(push: LanePush, targets: StoredTarget[], availableAt: number): NewQueueItem[] {
    const most = Math.max(MAX_SINGLE_TARGETS, this.sender.maxTargets);
    const { provider } = this.sender;
    return inRows(targets, most).map((piece) => ({
      ...push,
      lane: provider,
      to: { provider, targets: piece },
      availableAt,
    }));
  }
}

interface Decided {
  whole: StoredTarget[];
  bare: StoredTarget[];
}

/** It was counted, and is not to be counted again when its time has come. */
const toWakeup = (push: LanePush): LanePush => ({ ...push, content: withoutContent(push.content), attempts: 1 });

type Outcome = { result: DeliveryResult };

function deliveredFirst(a: Outcome, b: Outcome): number {
  return Number(b.result.outcome === 'delivered') - Number(a.result.outcome === 'delivered');
}

/** Lists of at most `most` devices that fit a row each. */
function inRows(targets: StoredTarget[], most: number): StoredTarget[][] {
  const rows: StoredTarget[][] = [];
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

function compare(one: readonly number[], other: readonly number[]): number {
  const index = one.findIndex((value, position) => value !== other[position]);
  return index < 0 ? 0 : (one[index] ?? 0) - (other[index] ?? 0);
}
