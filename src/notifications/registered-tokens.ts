import { Injectable } from '@nestjs/common';
import {
  type AcceptedToken,
  type DeadToken,
  TokenRegistries,
  TokenRegistry,
  type TokenSnapshot,
} from '../delivery/token-registry.js';
import { DevicesService } from '../devices/devices.service.js';
import { SuspectTokensService } from '../devices/suspect-tokens.service.js';
import { type ApnsEnvironment, type Provider } from '../providers/push-transport.js';

/** The tokens that apps `register`. */
@Injectable()
export class RegisteredTokens extends TokenRegistry {
  constructor(
    registries: TokenRegistries,
    private readonly devices: DevicesService,
    private readonly suspects: SuspectTokensService,
  ) {
    super();
    registries.add(this);
  }

  override removeUnchanged(tokens: readonly DeadToken[]): Promise<DeadToken[]> {
    return this.devices.removeUnchanged(tokens);
  }

  override suspect(tokens: readonly DeadToken[], suspectedAt: number): Promise<void> {
    return this.suspects.remember(tokens, suspectedAt);
  }

  override countSuspects(provider: Provider, since: number): Promise<number> {
    return this.suspects.countSince(provider, since);
  }

  override rememberApnsEnvironment(snapshot: TokenSnapshot, environment: ApnsEnvironment): Promise<void> {
    return this.devices.rememberApnsEnvironment(snapshot, environment);
  }

  override accepted(tokens: readonly AcceptedToken[], acceptedAt: number): Promise<void> {
    return this.devices.rememberAccepted(tokens, acceptedAt);
  }
}
