import { Injectable, Logger } from '@nestjs/common';

/** Why a push, or a notification for all its devices, was not sent. */
export type DropKind = 'expired' | 'unconfigured' | 'refused' | 'folded';

/** Counts what is not sent and tells the operator at most once a minute. */
@Injectable()
export class DropCounter {
  private readonly logger = new Logger(DropCounter.name);
  private readonly fresh = new Map<string, { kind: DropKind; provider: string; reason: string; count: number }>();

  count(kind: DropKind, provider: string, count: number, reason: string = kind): void {
    if (count === 0) return;
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
