import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { describeError } from '../../common/describe-error.js';
import { DevicesService, type TokenSnapshot } from '../../devices/devices.service.js';
import { SuspectTokensService } from '../../devices/suspect-tokens.service.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { type Provider, PROVIDERS } from '../transports/push-transport.js';
import { isCertainlyDead } from './dead-reasons.js';
import { DELIVERY_TUNING, type DeliveryTuning } from './delivery-tuning.js';
import { RemovalBrake } from './removal-brake.js';

/** Tokens and answers that are kept in memory at most. One that falls out is called dead again by its next push. */
const MAX_HELD = 10_000;

interface HeldToken extends TokenSnapshot {
  reason: string;
  heldSince: number;
  /** Not a matter of our settings, as far as one can tell. */
  proven: boolean;
}

interface ProviderState {
  brake: RemovalBrake;
  held: Map<string, HeldToken>;
  engaged: boolean;
}

/** What a provider said about a device. */
export interface DeadAnswer extends TokenSnapshot {
  reason: string;
  /** UUID of the notification; the repeated answer to one push is no news. */
  notificationId: string;
}

/**
 * Removes dead tokens, with care: an answer is held for some seconds, and while too many tokens are called dead
 * nothing is removed; they are remembered as suspects instead. What is held in memory and lost in a crash is called
 * dead again by the next push.
 */
@Injectable()
export class TokenRemoval implements OnModuleInit {
  private readonly logger = new Logger(TokenRemoval.name);
  private readonly states: Map<Provider, ProviderState>;
  private readonly counted = new LRUCache<string, true>({ max: MAX_HELD });
  private readonly gone = new LRUCache<string, true>({ max: MAX_HELD });

  constructor(
    @Inject(DELIVERY_TUNING) private readonly tuning: DeliveryTuning,
    private readonly devices: DevicesService,
    private readonly suspects: SuspectTokensService,
    private readonly events: OperatorEvents,
    private readonly metrics: MetricsService,
  ) {
    const limits = { windowMs: tuning.brakeWindowMs, floor: tuning.brakeFloor, share: tuning.brakeShare };
    const fresh = (): ProviderState => ({ brake: new RemovalBrake(limits), held: new Map(), engaged: false });
    this.states = new Map(PROVIDERS.map((provider) => [provider, fresh()]));
  }

  /** A brake that was engaged a moment ago, here or in another process, is so still: a restart mends no provider. */
  async onModuleInit(): Promise<void> {
    const now = Date.now();
    for (const [provider, { brake }] of this.states) {
      const suspects = await this.suspects.countSince(provider, now - this.tuning.brakeWindowMs);
      for (let counted = 0; counted < suspects; counted++) brake.dead(now);
    }
  }

  accepted(provider: Provider): void {
    this.states.get(provider)?.brake.accepted(Date.now());
  }

  calledDead(provider: Provider, { token, registeredAt, reason, notificationId }: DeadAnswer): void {
    const state = this.states.get(provider);
    if (!state || state.held.has(token) || state.held.size >= MAX_HELD) return;
    const now = Date.now();
    const answer = `${notificationId} ${token}`;
    if (!this.counted.has(answer)) state.brake.dead(now);
    this.counted.set(answer, true);
    // What is accepted later proves nothing: the settings may have been mended meanwhile. The push is tried again, and
    // a token that is dead is called so then too.
    const proven = isCertainlyDead(reason) || state.brake.hasAcceptedShortlyBefore(now);
    state.held.set(token, { token, registeredAt, reason, heldSince: now, proven });
  }

  isBraking(provider: Provider): boolean {
    return this.states.get(provider)?.engaged ?? false;
  }

  /** The token was removed a moment ago, so what still waits for it has nowhere to go. */
  isGone(snapshot: TokenSnapshot): boolean {
    return this.gone.has(keyOf(snapshot));
  }

  /** Decides about what was held long enough; called every second or so. */
  async decide(now = Date.now()): Promise<void> {
    for (const [provider, state] of this.states) {
      this.noteBrake(provider, state, state.brake.isEngaged(now));
      const due = [...state.held.values()].filter(({ heldSince }) => now - heldSince >= this.tuning.removalHoldMs);
      const [suspects, dead] = state.engaged ? [due, []] : [[], due.filter(({ proven }) => proven)];
      await this.carryOut(provider, state, dead, suspects, now);
      for (const { token, proven } of due) if (!proven) state.held.delete(token);
    }
  }

  private async carryOut(
    provider: Provider,
    state: ProviderState,
    dead: HeldToken[],
    suspects: HeldToken[],
    now: number,
  ): Promise<void> {
    try {
      if (dead.length > 0) await this.remove(provider, dead);
      if (suspects.length > 0) {
        await this.suspects.remember(
          suspects.map(({ token, registeredAt, reason }) => ({ token, registeredAt, reason, provider })),
          now,
        );
        this.metrics.deadTokens(provider, 'suspected', suspects.length);
      }
      for (const { token } of [...dead, ...suspects]) state.held.delete(token);
    } catch (error) {
      this.logger.error({ msg: 'dead tokens stay for now', provider, error: describeError(error) });
    }
  }

  private async remove(provider: Provider, dead: HeldToken[]): Promise<void> {
    const stay = await this.devices.removeUnchanged(dead);
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
        advice: 'check the settings of this provider, then decide with: npm run cli -- suspects list',
      });
    } else this.logger.log({ msg: 'dead answers are rare again: removal goes on', provider });
    this.events.emit({ kind: engaged ? 'brake-engaged' : 'brake-lifted', provider });
  }
}

const keyOf = ({ token, registeredAt }: TokenSnapshot): string => `${registeredAt} ${token}`;
