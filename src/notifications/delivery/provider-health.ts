import { Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { OperatorEvents } from '../../operator/operator-events.js';
import { type Provider, type RetryCause } from '../transports/push-transport.js';
import { adviceFor } from './operator-advice.js';

const OPERATOR_CAUSES: ReadonlySet<RetryCause> = new Set(['credential', 'configuration', 'wrong-address']);

/**
 * One foreign token among good ones makes these come and go: told once in so long, per reason. What the provider as a
 * whole says is told each time.
 */
const MAY_FLICKER: ReadonlySet<RetryCause> = new Set(['configuration', 'wrong-address']);
const TELL_AGAIN_MS = 60_000;
const MAX_REASONS = 100;

/** Whether a provider takes our pushes; changes are told once, with what the operator can do. */
export class ProviderHealth {
  private readonly logger = new Logger(ProviderHealth.name);
  private readonly toldAt = new LRUCache<string, number>({ max: MAX_REASONS });
  private trouble: { cause: RetryCause; reason: string; since: number } | null = null;
  private troubleWasTold = false;

  constructor(
    private readonly provider: Provider,
    private readonly events: OperatorEvents,
  ) {}

  get unhealthyBecause(): { cause: RetryCause; reason: string; since: number } | null {
    return this.trouble;
  }

  failing(cause: RetryCause, reason: string, now: number): void {
    if (this.trouble?.reason === reason && this.troubleWasTold) return;
    this.trouble = { cause, reason, since: this.trouble?.since ?? now };
    if (MAY_FLICKER.has(cause) && now - (this.toldAt.get(reason) ?? -Infinity) < TELL_AGAIN_MS) return;
    this.toldAt.set(reason, now);
    this.troubleWasTold = true;
    const advice = OPERATOR_CAUSES.has(cause) ? adviceFor(reason) : null;
    this.logger.warn({
      msg: 'provider is unhealthy, its pushes wait',
      provider: this.provider,
      cause,
      reason,
      ...(advice === null ? {} : { advice }),
    });
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
