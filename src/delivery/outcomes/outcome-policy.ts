import { Injectable, Logger } from '@nestjs/common';
import { describeError } from '../../common/words/describe-error.js';
import { StatisticsService } from '../../statistics/statistics.service.js';
import { PUSH_PROVIDERS } from '../../providers/provider-definitions.js';
import {
  type DeliveryResult,
  type Provider,
  type RetryCause,
  type StoredTarget,
} from '../../providers/push-transport.js';
import { backoffMs } from '../../common/time/backoff.js';
import { HOUR_MS } from '../../config/durations.js';
import { isKnown, TokenRegistries } from '../token-registry.js';
import { DeliveryTuning } from '../delivery-tuning.js';
import { OutcomeCounter } from './outcome-counter.js';
import { TokenRemoval } from './token-removal.js';
import { TokenStanding } from './token-standing.js';

/** What is left to do for a device: nothing, or another try at a time (UTC epoch milliseconds). */
export type NextStep = { step: 'done' } | { step: 'retry'; at: number; cause: RetryCause; reason: string };

/** When a request was tried, and for which time, its devices included. Devices that fail alike are tried again together. */
export interface Attempt {
  /** Of the notification. */
  recipient: string;
  /** UTC epoch milliseconds of the notification. */
  acceptedAt: number;
  /** From 1. */
  number: number;
  /** UTC epoch milliseconds. */
  at: number;
  /** From 0 to 1, spreads the next tries. */
  random: number;
  /** The provider knows no device at the moment, so that an answer about an address is rather about the settings. */
  settingsDoubted: boolean;
}

type Retry = DeliveryResult & { outcome: 'retry' };

const DEVICE_CAUSES: ReadonlySet<RetryCause> = new Set(['device-throttled', 'wrong-address', 'host-down']);

/** Longer than from the end of a hold to the decision. */
const DECISION_MS = 1500;

/** For so long after a registration APNs may still go by what was before it. */
const REGISTRATION_SPREADS_MS = 10 * 60_000;

/** For so long a push is tried whose token the provider does not know and never accepted; it may be about to know it. */
const STRANGERS_WAIT_MS = HOUR_MS;

const DONE: NextStep = { step: 'done' };

/** The one place that turns the result for a device into: forget the token, try later, count it. */
@Injectable()
export class OutcomePolicy {
  private readonly logger = new Logger(OutcomePolicy.name);

  constructor(
    private readonly tuning: DeliveryTuning,
    private readonly statistics: StatisticsService,
    private readonly registries: TokenRegistries,
    private readonly removal: TokenRemoval,
    private readonly standing: TokenStanding,
    private readonly outcomes: OutcomeCounter,
  ) {}

  /** The token was removed, so nothing more is to be sent to it. */
  isGone(target: StoredTarget): boolean {
    return this.removal.isGone(target);
  }

  apply(provider: Provider, target: StoredTarget, result: DeliveryResult, attempt: Attempt): NextStep {
    this.outcomes.answered(provider, result, attempt.at - attempt.acceptedAt);
    switch (result.outcome) {
      case 'delivered':
        this.delivered(provider, target, result);
        return DONE;
      case 'token-gone':
        return this.calledDead(provider, target, result, attempt);
      case 'retry':
        if (result.cause === 'wrong-address' && this.isGivenUp(provider, target, result.reason, attempt)) return DONE;
        return this.later(provider, attempt, this.scaled(result));
      case 'refused':
        return DONE;
    }
  }

  /**
   * The push is kept until it is settled that the token goes: a wrong answer must not cost it. A token that became invalid before
   * its registration stays, for the phone may have registered after the provider saw it end; but an answer that is the
   * same long after the registration will be the same at the next try.
   */
  private calledDead(
    provider: Provider,
    target: StoredTarget,
    { reason, goneSince }: DeliveryResult & { outcome: 'token-gone' },
    attempt: Attempt,
  ): NextStep {
    const believed = goneSince === undefined || goneSince >= target.registeredAt;
    if (believed) this.removal.calledDead(provider, { ...target, reason, recipient: attempt.recipient });
    else if (attempt.at - target.registeredAt > REGISTRATION_SPREADS_MS) return DONE;
    if (this.isGivenUp(provider, target, reason, attempt)) return DONE;
    const settledMs = this.tuning.removalHoldMs + DECISION_MS;
    return this.later(provider, attempt, { cause: 'wrong-address', reason, retryAfterMs: settledMs });
  }

  /** While the settings are in doubt, it may be they that are wrong. */
  private isGivenUp(provider: Provider, target: StoredTarget, reason: string, attempt: Attempt): boolean {
    const waitedMs = attempt.at - attempt.acceptedAt;
    if (isKnown(target) || attempt.settingsDoubted || waitedMs < STRANGERS_WAIT_MS) return false;
    this.outcomes.dropped('refused', provider, 1, reason);
    return true;
  }

  private delivered(provider: Provider, target: StoredTarget, result: DeliveryResult & { outcome: 'delivered' }): void {
    this.statistics.count(provider === 'apns' ? 'iosPushes' : 'androidPushes');
    if (provider === 'huawei') this.statistics.count('huaweiPushes');
    this.removal.accepted(provider);
    this.standing.accepted(provider, target);
    const environment = result.apnsEnvironment;
    if (environment === undefined || environment === target.apnsEnvironment) return;
    this.registries.rememberApnsEnvironment(target, environment).catch((error: unknown) => {
      this.logger.warn({ msg: 'the APNs environment of a token was not stored', error: describeError(error) });
    });
  }

  private scaled(result: Retry): Retry {
    const { retryAfterMs } = result;
    return retryAfterMs === undefined ? result : { ...result, retryAfterMs: retryAfterMs * this.tuning.pauseScale };
  }

  private later(provider: Provider, attempt: Attempt, why: Omit<Retry, 'outcome'>): NextStep {
    const { cause, reason, retryAfterMs = 0 } = why;
    const asked = (PUSH_PROVIDERS[provider].firstPauseMs[cause] ?? 0) * this.tuning.pauseScale;
    const first = Math.max(this.tuning.retryBaseMs, asked);
    // The breaker paces a provider that is down; only a matter of one device is put off further and further. When
    // the settings are at fault, the breaker paces that too, and once they are corrected nothing should wait for long.
    const ofDevice = DEVICE_CAUSES.has(cause) && !(attempt.settingsDoubted && cause === 'wrong-address');
    const longest = ofDevice ? this.tuning.retryMaxMs : this.tuning.breakerMaxMs;
    const pause = backoffMs(attempt.number, first, Math.max(first, longest), attempt.random);
    return { step: 'retry', at: attempt.at + Math.max(pause, retryAfterMs), cause, reason };
  }
}
