import { Injectable } from '@nestjs/common';
import { type ApnsEnvironment, type Provider, type PushTarget } from '../providers/push-transport.js';
import { type StoredToken } from '../sealing/sealing.js';

/** A token as it was when a push was sent to it; removal compares it with what is stored now. */
export interface TokenSnapshot {
  token: StoredToken;
  /** UTC epoch milliseconds. */
  registeredAt: number;
}

/** Its provider accepted it before; anything else may be made up. */
export const isKnown = ({ acceptedAt }: Pick<PushTarget, 'acceptedAt'>): boolean =>
  acceptedAt !== null && acceptedAt !== undefined;

/** A token that its provider called dead. */
export interface DeadToken extends TokenSnapshot {
  provider: Provider;
  /** APNs only: where it was called dead; null = nobody said where it is at home. */
  apnsEnvironment: ApnsEnvironment | null;
  /** The provider's own reason, or a constant of ours. */
  reason: string;
  /** UTC epoch milliseconds. */
  calledDeadAt: number;
}

/** A token that its provider accepted a push for. */
export type AcceptedToken = TokenSnapshot & Pick<DeadToken, 'provider' | 'apnsEnvironment'>;

/** What a feature that stores tokens does for delivery. One token may be in several registries. */
export abstract class TokenRegistry {
  /** Removes those that were not registered again since; returns those that were, and stay. */
  abstract removeUnchanged(tokens: readonly DeadToken[]): Promise<DeadToken[]>;

  /** Keeps those of its tokens in mind for the operator, who decides about them. */
  abstract suspect(tokens: readonly DeadToken[], suspectedAt: number): Promise<void>;

  /** How many of the provider's were suspected, or suspected again, after that time (UTC epoch milliseconds). */
  abstract countSuspects(provider: Provider, since: number): Promise<number>;

  /** Keeps in mind which APNs environment accepts a token, unless it was registered again since. */
  abstract rememberApnsEnvironment(snapshot: TokenSnapshot, environment: ApnsEnvironment): Promise<void>;

  /**
   * Keeps in mind that their provider accepts these tokens, for `PushTarget.acceptedAt`, unless they were registered again
   * since. Asked in batches, and rarely: when it was not known before, or for days.
   *
   * @param acceptedAt UTC epoch milliseconds
   */
  abstract accepted(tokens: readonly AcceptedToken[], acceptedAt: number): Promise<void>;
}

/** All registries as one. Each feature that has one adds it when it is made. */
@Injectable()
export class TokenRegistries extends TokenRegistry {
  private readonly registries: TokenRegistry[] = [];

  add(registry: TokenRegistry): void {
    this.registries.push(registry);
  }

  override async removeUnchanged(tokens: readonly DeadToken[]): Promise<DeadToken[]> {
    const stay = await Promise.all(this.registries.map((registry) => registry.removeUnchanged(tokens)));
    const staying = new Set(stay.flat());
    return tokens.filter((token) => staying.has(token));
  }

  override async suspect(tokens: readonly DeadToken[], suspectedAt: number): Promise<void> {
    await Promise.all(this.registries.map((registry) => registry.suspect(tokens, suspectedAt)));
  }

  override async countSuspects(provider: Provider, since: number): Promise<number> {
    const counts = await Promise.all(this.registries.map((registry) => registry.countSuspects(provider, since)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  override async rememberApnsEnvironment(snapshot: TokenSnapshot, environment: ApnsEnvironment): Promise<void> {
    await Promise.all(this.registries.map((registry) => registry.rememberApnsEnvironment(snapshot, environment)));
  }

  override async accepted(tokens: readonly AcceptedToken[], acceptedAt: number): Promise<void> {
    await Promise.all(this.registries.map((registry) => registry.accepted(tokens, acceptedAt)));
  }
}
