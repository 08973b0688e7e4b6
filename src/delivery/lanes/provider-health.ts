import { Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { OperatorEvents } from '../../operator/operator-events.js';
import { type Provider, type RetryCause } from '../../providers/push-transport.js';
import { adviceFor, adviceForWay } from './operator-advice.js';

const OPERATOR_CAUSES: ReadonlySet<RetryCause> = new Set(['credential', 'configuration', 'wrong-address']);

/**
 * One foreign token among good ones makes these come and go: told once in so long, per reason. What the provider as a
 * whole says is told each time.
 */
const MAY_FLICKER: ReadonlySet<RetryCause> = new Set(['configuration', 'wrong-address']);
const TELL_AGAIN_MS = 60_000;
const MAX_REASONS = 100;

/** Why a provider does not take our pushes, and since when (UTC epoch milliseconds). */
export interface Trouble {
  readonly cause: RetryCause;
  readonly reason: string;
  readonly since: number;
}

/** Whether a provider takes our pushes; changes are told once, with what the operator can do. */
export class ProviderHealth {
  private readonly logger = new Logger(ProviderHealth.name);
  private readonly toldAt = new LRUCache<string, number>({ max: MAX_REASONS });
  private trouble: Trouble | null = null;
  /** What the operator was advised of this trouble. */
  private toldAdvice: string | null = null;
  private troubleWasTold = false;
  /** Another process told the trouble; this one tells it again when it meets it. */
  private toldByAnother = false;

  constructor(
    private readonly provider: Provider,
    private readonly events: OperatorEvents,
  ) {}

  get unhealthyBecause(): Trouble | null {
    return this.trouble;
  }

  /** What the process before knew. */
  restore(trouble: Trouble): void {
    this.trouble = trouble;
    this.troubleWasTold = true;
    this.toldByAnother = true;
  }

  /** @param now on the clock of `performance.now()` */
  failing(cause: RetryCause, reason: string, now: number): void {
    if (this.trouble?.reason === reason && this.troubleWasTold && !this.toldByAnother) return;
    this.trouble = { cause, reason, since: this.trouble?.since ?? Date.now() };
    if (MAY_FLICKER.has(cause) && now - (this.toldAt.get(reason) ?? -Infinity) < TELL_AGAIN_MS) return;
    this.toldAt.set(reason, now);
    const isNew = !this.troubleWasTold || this.toldByAnother;
    this.troubleWasTold = true;
    this.toldByAnother = false;
    const advice = OPERATOR_CAUSES.has(cause) ? adviceFor(reason) : adviceForWay(reason);
    this.logger.warn({
      msg: 'provider is unhealthy, its pushes wait',
      provider: this.provider,
      cause,
      reason,
      ...(advice === null ? {} : { advice }),
    });
    // One outage shows many reasons, a refused connection and then a silent one: what matters is whether there is something to do.
    if (!isNew && (advice === null || advice === this.toldAdvice)) return;
    this.toldAdvice = advice;
    this.events.emit({ kind: 'provider-unhealthy', provider: this.provider, cause, reason, advice });
  }

  working(): void {
    if (!this.trouble) return;
    this.trouble = null;
    if (!this.troubleWasTold) return;
    this.troubleWasTold = false;
    this.logger.log({ msg: 'provider works again', provider: this.provider });
    this.events.emit({ kind: 'provider-working', provider: this.provider });
  }
}
