import { Inject, Injectable, Logger } from '@nestjs/common';
import { describeError } from '../../common/describe-error.js';
import { DevicesService, type TokenSnapshot } from '../../devices/devices.service.js';
import { SuspectTokensService } from '../../devices/suspect-tokens.service.js';
import { type Provider, PROVIDERS } from '../transports/push-transport.js';
import { DELIVERY_TUNING, type DeliveryTuning } from './delivery-tuning.js';
import { RemovalBrake } from './removal-brake.js';

/**
 * Answers that say that the app on this very device is gone. The others are also what a provider says to everybody
 * when the operator's own settings are wrong (an APNs environment, say), so they count only once the provider has
 * accepted some push.
 */
const CERTAIN_REASONS: ReadonlySet<string> = new Set(['Unregistered', 'ExpiredToken', 'UNREGISTERED']);

const MAX_HELD = 10_000;

interface HeldToken extends TokenSnapshot {
  reason: string;
  heldSince: number;
}

interface ProviderState {
  brake: RemovalBrake;
  held: Map<string, HeldToken>;
  engaged: boolean;
}

/**
 * Removes dead tokens, with care: an answer is held for some seconds, and while too many tokens are called dead
 * nothing is removed; they are remembered as suspects instead. What is held in memory and lost in a crash is called
 * dead again by the next push.
 */
@Injectable()
export class TokenRemoval {
  private readonly logger = new Logger(TokenRemoval.name);
  private readonly states: Map<Provider, ProviderState>;

  constructor(
    @Inject(DELIVERY_TUNING) private readonly tuning: DeliveryTuning,
    private readonly devices: DevicesService,
    private readonly suspects: SuspectTokensService,
  ) {
    const limits = { windowMs: tuning.brakeWindowMs, floor: tuning.brakeFloor, share: tuning.brakeShare };
    const fresh = (): ProviderState => ({ brake: new RemovalBrake(limits), held: new Map(), engaged: false });
    this.states = new Map(PROVIDERS.map((provider) => [provider, fresh()]));
  }

  accepted(provider: Provider): void {
    this.states.get(provider)?.brake.accepted(Date.now());
  }

  calledDead(provider: Provider, { token, registeredAt }: TokenSnapshot, reason: string): void {
    const state = this.states.get(provider);
    if (!state || state.held.has(token) || state.held.size >= MAX_HELD) return;
    const now = Date.now();
    state.brake.dead(now);
    state.held.set(token, { token, registeredAt, reason, heldSince: now });
  }

  isBraking(provider: Provider): boolean {
    return this.states.get(provider)?.engaged ?? false;
  }

  /** Decides about what was held long enough; called every second or so. */
  async decide(now = Date.now()): Promise<void> {
    for (const [provider, state] of this.states) {
      this.noteBrake(provider, state, state.brake.isEngaged(now));
      const due = [...state.held.values()].filter(({ heldSince }) => now - heldSince >= this.tuning.removalHoldMs);
      const mayGo = (token: HeldToken) => CERTAIN_REASONS.has(token.reason) || state.brake.hasEvidence(now);
      const dead = state.engaged ? [] : due.filter(mayGo);
      const waitedInVain = (token: HeldToken) => now - token.heldSince >= this.tuning.brakeWindowMs;
      const suspects = state.engaged ? due : due.filter((token) => !mayGo(token) && waitedInVain(token));
      await this.carryOut(provider, state, dead, suspects, now);
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
      if (dead.length > 0) {
        const removed = await this.devices.removeUnchanged(dead);
        this.logger.log({ msg: 'removed dead tokens', provider, removed, registeredAgain: dead.length - removed });
      }
      if (suspects.length > 0) {
        await this.suspects.remember(
          suspects.map(({ token, registeredAt, reason }) => ({ token, registeredAt, reason, provider })),
          now,
        );
      }
      for (const { token } of [...dead, ...suspects]) state.held.delete(token);
    } catch (error) {
      this.logger.error({ msg: 'dead tokens stay for now', provider, error: describeError(error) });
    }
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
  }
}
