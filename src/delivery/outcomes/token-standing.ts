import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Batcher } from '../../common/bounds/batcher.js';
import { describeError } from '../../common/words/describe-error.js';
import { DAY_MS, HOUR_MS } from '../../config/durations.js';
import { RecentKeys } from '../../common/bounds/recent-keys.js';
import { type Provider, type StoredTarget } from '../../providers/push-transport.js';
import { type AcceptedToken, TokenRegistries } from '../token-registry.js';

/** What is known is told again after this, so that a token which was accepted long ago can be told from one of today. */
const TELL_AGAIN_MS = 3 * DAY_MS;
const MAX_REMEMBERED = 50_000;

/** Lets the registries keep in mind which tokens their providers accept: a write per token in some days, not per push. */
@Injectable()
export class TokenStanding implements OnApplicationShutdown {
  private readonly logger = new Logger(TokenStanding.name);
  /** What was told a moment ago: pushes under way do not know it yet. */
  private readonly told = new RecentKeys(HOUR_MS, MAX_REMEMBERED);
  private readonly batches = new Batcher<AcceptedToken>((tokens) => this.registries.accepted(tokens, Date.now()));

  constructor(private readonly registries: TokenRegistries) {}

  accepted(provider: Provider, { token, registeredAt, apnsEnvironment, acceptedAt }: StoredTarget): void {
    if (Math.abs(Date.now() - (acceptedAt ?? -Infinity)) < TELL_AGAIN_MS) return;
    const key = `${registeredAt} ${apnsEnvironment} ${token}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    this.batches.add({ provider, token, registeredAt, apnsEnvironment }).catch((error: unknown) => {
      // The next process tells it, or this one after an hour.
      this.logger.warn({ msg: 'accepted tokens were not noted', error: describeError(error) });
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.batches.idle();
  }
}
