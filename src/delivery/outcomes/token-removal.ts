import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CLI } from '../../config/cli-name.js';
import { describeError } from '../../common/words/describe-error.js';
import { RecentKeys } from '../../common/bounds/recent-keys.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { type Provider, PROVIDERS, type PushTarget } from '../../providers/push-transport.js';
import { isCertainlyDead } from '../../providers/dead-reasons.js';
import { type DeadToken, isKnown, TokenRegistries, type TokenSnapshot } from '../token-registry.js';
import { DeliveryTuning } from '../delivery-tuning.js';
import { RemovalBrake } from './removal-brake.js';

/** Tokens and answers that are kept in memory at most. One that falls out is called dead again by its next push. */
const MAX_HELD = 10_000;

interface HeldToken extends DeadToken {
  /** On the clock of `performance.now()`. */
  heldSince: number;
  /** Its provider accepted it before. */
  known: boolean;
  /** Not caused by our settings, as far as one can tell. */
  proven: boolean;
}

interface ProviderState {
  brake: RemovalBrake;
  held: Map<string, HeldToken>;
  engaged: boolean;
}

/** What a provider said about a device. */
export interface DeadAnswer extends TokenSnapshot, Pick<PushTarget, 'acceptedAt' | 'apnsEnvironment'> {
  reason: string;
  /** Of the notification. */
  recipient: string;
}

/**
 * Removes dead tokens, with care: an answer is held for some seconds, and while too many tokens are called dead
 * nothing is removed; they are remembered as suspects instead. What is held in memory and lost in a crash is called
 * dead again by the next push.
 *
 * Too many are recipients with a token that the provider accepted before. A token that it never accepted may be made up:
 * it goes without being counted, so that nobody can engage the brake with a list of them, and is no suspect.
 */
@Injectable()
export class TokenRemoval implements OnModuleInit {
  private readonly logger = new Logger(TokenRemoval.name);
  private readonly states: Map<Provider, ProviderState>;
  /** Recipients and tokens that the brake has heard of. */
  private readonly counted: RecentKeys;
  private readonly gone = new LRUCache<string, true>({ max: MAX_HELD });

  constructor(
    private readonly tuning: DeliveryTuning,
    private readonly registries: TokenRegistries,
    private readonly events: OperatorEvents,
    private readonly metrics: MetricsService,
  ) {
    this.counted = new RecentKeys(tuning.brakeWindowMs, 8 * MAX_HELD);
    const limits = { windowMs: tuning.brakeWindowMs, floor: tuning.brakeFloor, share: tuning.brakeShare };
    const fresh = (): ProviderState => ({ brake: new RemovalBrake(limits), held: new Map(), engaged: false });
    this.states = new Map(PROVIDERS.map((provider) => [provider, fresh()]));
  }

  /** A brake that was engaged a moment ago, here or in another process, stays engaged: a restart repairs no provider. */
  async onModuleInit(): Promise<void> {
    const now = performance.now();
    for (const [provider, { brake }] of this.states) {
      const suspects = await this.registries.countSuspects(provider, Date.now() - this.tuning.brakeWindowMs);
      for (let counted = 0; counted < suspects; counted++) brake.dead(now);
    }
  }

  accepted(provider: Provider): void {
    this.states.get(provider)?.brake.accepted(performance.now());
  }

  calledDead(provider: Provider, answer: DeadAnswer): void {
    const { token, registeredAt, apnsEnvironment, reason } = answer;
    const state = this.states.get(provider);
    if (!state || state.held.has(token) || state.held.size >= MAX_HELD) return;
    const [now, known] = [performance.now(), isKnown(answer)];
    if (known && this.isNews(provider, answer)) state.brake.dead(now);
    // What is accepted later proves nothing: the settings may have been corrected meanwhile. The push is tried again, and
    // a token that is dead is called so then too.
    const proven =
      isCertainlyDead(reason) || (known ? state.brake.hasAcceptedShortlyBefore(now) : state.brake.hasAccepted(now));
    const times = { calledDeadAt: Date.now(), heldSince: now };
    state.held.set(token, { token, provider, registeredAt, apnsEnvironment, reason, ...times, known, proven });
  }

  isBraking(provider: Provider): boolean {
    return this.states.get(provider)?.engaged ?? false;
  }

  /** The token was removed a moment ago, so what still waits for it has nowhere to go. */
  isGone(snapshot: TokenSnapshot): boolean {
    return this.gone.has(keyOf(snapshot));
  }

  /**
   * Decides about what was held long enough; called every second or so.
   *
   * @param now on the clock of `performance.now()`
   */
  async decide(now = performance.now()): Promise<void> {
    for (const [provider, state] of this.states) {
      this.noteBrake(provider, state, state.brake.isEngaged(now));
      const due = [...state.held.values()].filter(({ heldSince }) => now - heldSince >= this.tuning.removalHoldMs);
      const suspects = state.engaged ? due.filter(({ known }) => known) : [];
      const dead = state.engaged ? [] : due.filter(({ proven }) => proven);
      await this.carryOut(provider, state, dead, suspects);
      // Their pushes are tried again, and they are called dead again.
      for (const one of due) if (!suspects.includes(one) && !dead.includes(one)) state.held.delete(one.token);
    }
  }

  /**
   * One more recipient: what is said about one person's tokens, about one token in many groups or to one push again and
   * again counts once within the brake's window.
   */
  private isNews(provider: Provider, { token, recipient }: DeadAnswer): boolean {
    const keys = [`token ${provider} ${token}`, `recipient ${provider} ${recipient}`];
    const unheard = keys.filter((key) => !this.counted.has(key));
    for (const key of unheard) this.counted.add(key);
    return unheard.length === keys.length;
  }

  private async carryOut(
    provider: Provider,
    state: ProviderState,
    dead: HeldToken[],
    suspects: HeldToken[],
  ): Promise<void> {
    try {
      if (dead.length > 0) await this.remove(provider, dead);
      if (suspects.length > 0) {
        await this.registries.suspect(suspects, Date.now());
        this.metrics.deadTokens(provider, 'suspected', suspects.length);
      }
      for (const { token } of [...dead, ...suspects]) state.held.delete(token);
    } catch (error) {
      this.logger.error({
        msg: 'dead tokens could not be removed, they stay for now',
        provider,
        error: describeError(error),
      });
    }
  }

  private async remove(provider: Provider, dead: HeldToken[]): Promise<void> {
    const stay = await this.registries.removeUnchanged(dead);
    for (const token of dead) if (!stay.includes(token)) this.gone.set(keyOf(token), true);
    const removed = dead.length - stay.length;
    this.metrics.deadTokens(provider, 'removed', removed);
    this.logger.log({ msg: 'removed dead tokens', provider, removed, registeredAgain: stay.length });
  }

  private noteBrake(provider: Provider, state: ProviderState, engaged: boolean): void {
    if (engaged === state.engaged) return;
    state.engaged = engaged;
    if (engaged) {
      this.logger.warn({
        msg: 'too many tokens are called dead: removal pauses, they are kept as suspects',
        provider,
        advice: `check the settings of this provider, then decide with: ${CLI} suspects list`,
      });
    } else this.logger.log({ msg: 'dead answers are rare again: removal goes on', provider });
    this.events.emit({ kind: engaged ? 'brake-engaged' : 'brake-lifted', provider });
  }
}

const keyOf = ({ token, registeredAt }: TokenSnapshot): string => `${registeredAt} ${token}`;
