import { Injectable, Logger } from '@nestjs/common';
import { MetricsService } from '../../metrics/metrics.service.js';
import { type DeliveryResult, type Provider } from '../../providers/push-transport.js';

/**
 * Why a push, or a notification for all its devices, was not sent; a label of metrics and log lines. `folded` = collapsed
 * with others into one push without content: operators' alerts and dashboards name the label, so it keeps that name.
 */
export type DropKind = 'expired' | 'unconfigured' | 'refused' | 'folded';

/** Counts what becomes of pushes, and tells the operator at most once a minute what is not sent. */
@Injectable()
export class OutcomeCounter {
  private readonly logger = new Logger(OutcomeCounter.name);
  private readonly fresh = new Map<string, { kind: DropKind; provider: string; reason: string; count: number }>();

  constructor(private readonly metrics: MetricsService) {}

  /** What a provider said for one device, so many milliseconds after the notification was accepted. */
  answered(provider: Provider, result: DeliveryResult, sinceAcceptanceMs: number): void {
    switch (result.outcome) {
      case 'retry':
        this.metrics.pushed(provider, 'retry', result.reason);
        this.metrics.retried(provider, result.cause);
        return;
      case 'refused':
        this.dropped('refused', provider, 1, result.reason);
        break;
      case 'delivered':
        this.metrics.pushed(provider, 'delivered', result.contentLeftOut ? 'content-left-out' : 'none');
        break;
      case 'token-gone':
        this.metrics.pushed(provider, 'token-gone', result.reason);
    }
    this.metrics.answered(provider, sinceAcceptanceMs);
  }

  /** A request to a provider ended after so many milliseconds. */
  requested(provider: Provider, tookMs: number): void {
    this.metrics.requested(provider, tookMs);
  }

  /** Pushes that a provider did not look at went out again at once. */
  resent(provider: Provider, count: number): void {
    this.metrics.retried(provider, 'not-processed', count);
  }

  /** @param provider `all` = whole notifications, before their devices were looked at */
  dropped(kind: DropKind, provider: Provider | 'all', count: number, reason: string = kind): void {
    if (count === 0) return;
    this.metrics.pushed(provider, kind, reason, count);
    const key = `${kind} ${provider} ${reason}`;
    const entry = this.fresh.get(key);
    if (entry) entry.count += count;
    else this.fresh.set(key, { kind, provider, reason, count });
  }

  report(): void {
    for (const { kind, provider, reason, count } of this.fresh.values()) {
      this.logger.warn({ msg: 'pushes were not sent', kind, provider, reason, count });
    }
    this.fresh.clear();
  }
}
