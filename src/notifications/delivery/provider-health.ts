import { Logger } from '@nestjs/common';
import { type Provider, type RetryCause } from '../transports/push-transport.js';
import { adviceFor } from './operator-advice.js';

const OPERATOR_CAUSES: ReadonlySet<RetryCause> = new Set(['credential', 'configuration', 'wrong-address']);

/** Whether a provider takes our pushes; changes are told once, with what the operator can do. */
export class ProviderHealth {
  private readonly logger = new Logger(ProviderHealth.name);
  private trouble: { cause: RetryCause; reason: string; since: number } | null = null;

  constructor(private readonly provider: Provider) {}

  get unhealthyBecause(): { cause: RetryCause; reason: string; since: number } | null {
    return this.trouble;
  }

  failing(cause: RetryCause, reason: string, now: number): void {
    if (this.trouble?.reason === reason) return;
    this.trouble = { cause, reason, since: this.trouble?.since ?? now };
    const advice = OPERATOR_CAUSES.has(cause) ? { advice: adviceFor(reason) } : {};
    this.logger.warn({
      msg: 'provider is unhealthy, its pushes wait',
      provider: this.provider,
      cause,
      reason,
      ...advice,
    });
  }

  working(): void {
    if (!this.trouble) return;
    this.trouble = null;
    this.logger.log({ msg: 'provider works again', provider: this.provider });
  }
}
