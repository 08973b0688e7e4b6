import { Injectable } from '@nestjs/common';
import { type AcceptedToken, type DeadToken, TokenRegistries, TokenRegistry } from '../../delivery/token-registry.js';
import { type Provider } from '../../providers/push-transport.js';
import { serviceOf } from './push-address.js';
import { SubscribedTokensService } from './subscribed-tokens.service.js';

/** The tokens of subscriptions: a dead one ends all that were made with it for its service. */
@Injectable()
export class SubscriptionRegistry extends TokenRegistry {
  constructor(
    registries: TokenRegistries,
    private readonly tokens: SubscribedTokensService,
  ) {
    super();
    registries.add(this);
  }

  override async removeUnchanged(tokens: readonly DeadToken[]): Promise<DeadToken[]> {
    const subscribed = tokens.flatMap((dead) => {
      const service = serviceOf(dead.provider, dead.apnsEnvironment);
      // The push was for one subscription of the token; others of it may be younger, and are as dead.
      const deadAt = Math.max(dead.registeredAt, dead.calledDeadAt);
      return service === null ? [] : [{ service, token: dead.token, deadAt, dead }];
    });
    return (await this.tokens.removeUnchanged(subscribed)).map(({ dead }) => dead);
  }

  override accepted(tokens: readonly AcceptedToken[], acceptedAt: number): Promise<void> {
    const subscribed = tokens.flatMap(({ provider, apnsEnvironment, token }) => {
      const service = serviceOf(provider, apnsEnvironment);
      return service === null ? [] : [{ service, token }];
    });
    return this.tokens.rememberAccepted(subscribed, acceptedAt);
  }

  /** Subscriptions that the brake holds back expire by themselves when their phones do not renew them. */
  override suspect(): Promise<void> {
    return Promise.resolve();
  }

  override countSuspects(_provider: Provider, _since: number): Promise<number> {
    return Promise.resolve(0);
  }

  /** The service names the environment. */
  override rememberApnsEnvironment(): Promise<void> {
    return Promise.resolve();
  }
}
