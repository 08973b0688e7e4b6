import { DAY_MS } from '../../config/durations.js';
import { ConcurrencyLimit } from '../../common/bounds/concurrency-limit.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import {
  type DeliveryResult,
  type Provider,
  type Push,
  type PushTarget,
  type PushTransport,
  type RetryCause,
} from '../../providers/push-transport.js';
import { type BreakerState, CircuitBreaker } from './circuit-breaker.js';
import { isCertainlyDead } from '../../providers/dead-reasons.js';
import { type DeliveryTuning, LONGEST_PAUSE_MS } from '../delivery-tuning.js';
import { isKnown } from '../token-registry.js';
import { OutcomeCounter } from '../outcomes/outcome-counter.js';
import { ProviderHealth, type Trouble } from './provider-health.js';
import { SettingsDoubt } from './settings-doubt.js';

/** Sends that are repeated at once because the provider never looked at them; after that they wait like any other. */
const MAX_RESENDS = 3;

/** A token that is registered for so long, at a provider that never accepted any, is as good as one that was accepted. */
const LONG_REGISTERED_MS = 7 * DAY_MS;

/** A push with whom it was for. */
export interface AddressedPush extends Push {
  recipient: string;
}

interface Sent<Part extends AddressedPush> {
  part: Part;
  results: DeliveryResult[];
}

type Refusal = Extract<DeliveryResult, { outcome: 'retry' }>;

/** What a provider said about the address of a device. */
interface Doubt {
  recipient: string;
  target: PushTarget;
  reason: string;
}

const SETTINGS_CAUSES: ReadonlySet<RetryCause> = new Set(['credential', 'configuration', 'wrong-address']);

/** What should outlive the process. Times are UTC epoch milliseconds. */
export interface SenderState {
  hasDelivered: boolean;
  trouble: Trouble | null;
  openUntil: number | null;
}

/**
 * A transport behind its bound on requests in flight and its circuit breaker, so that one provider's bad days cost
 * the others nothing.
 */
export class ProviderSender {
  readonly provider: Provider;
  readonly maxTargets: number;
  readonly health: ProviderHealth;
  private readonly breaker: CircuitBreaker;
  private readonly inFlightLimit: ConcurrencyLimit;
  private readonly doubt: SettingsDoubt;
  /** On the clock of `performance.now()`. */
  private deliveredAt = -Infinity;
  private hasDeliveredEver = false;
  private stopped = false;

  constructor(
    private readonly transport: PushTransport,
    private readonly tuning: DeliveryTuning,
    private readonly outcomes: OutcomeCounter,
    events: OperatorEvents,
  ) {
    this.provider = transport.provider;
    this.maxTargets = transport.maxTargets;
    this.health = new ProviderHealth(transport.provider, events);
    this.inFlightLimit = new ConcurrencyLimit(transport.maxInFlight);
    this.doubt = new SettingsDoubt(tuning.breakerThreshold);
    this.breaker = new CircuitBreaker({
      threshold: tuning.breakerThreshold,
      baseMs: tuning.breakerBaseMs,
      maxMs: tuning.breakerMaxMs,
    });
  }

  breakerState(): BreakerState {
    return this.breaker.state(performance.now());
  }

  /** Requests that could be taken on without waiting in memory for longer than the backlog allows. */
  room(): number {
    return this.stopped ? 0 : Math.max(0, this.tuning.maxProviderBacklog - this.inFlightLimit.waiting);
  }

  get inFlight(): number {
    return this.inFlightLimit.taken;
  }

  /** Sends that wait for a slot. */
  get waiting(): number {
    return this.inFlightLimit.waiting;
  }

  /** The provider's last answer was that it does not know the device, and it has accepted no push lately. */
  get settingsDoubted(): boolean {
    return this.health.unhealthyBecause?.cause === 'wrong-address' && !this.hasDelivered(performance.now());
  }

  /** New sends are held back from now on; those under way end. */
  stop(): void {
    this.stopped = true;
  }

  /** Null when there is nothing that a next process should know. */
  state(): SenderState | null {
    const { openEnd } = this.breaker;
    const trouble = this.health.unhealthyBecause;
    if (!this.hasDeliveredEver && trouble === null && openEnd === null) return null;
    const openUntil = openEnd === null ? null : Math.round(Date.now() + openEnd - performance.now());
    return { hasDelivered: this.hasDeliveredEver, trouble, openUntil };
  }

  /**
   * Takes over the state that the process before saved. The operator may have corrected settings that were wrong, so the
   * provider is probed at once then; a pause that the provider asked for is kept.
   */
  restore({ hasDelivered, trouble, openUntil }: SenderState): void {
    this.hasDeliveredEver = hasDelivered;
    if (trouble) this.health.restore(trouble);
    if (openUntil === null) return;
    const leftMs = trouble && SETTINGS_CAUSES.has(trouble.cause) ? 0 : Math.max(0, openUntil - Date.now());
    this.breaker.reopen(performance.now() + Math.min(leftMs, LONGEST_PAUSE_MS));
  }

  /**
   * Waits for a slot, then lets `parts` say what is to be sent, which may depend on the time that has passed.
   * Returns the results of each part, or null when the breaker is open or the server stops: nothing was sent.
   *
   * @param isProbe whether the result says something about a provider that knows no device at the moment
   */
  send<Part extends AddressedPush>(parts: () => Part[], isProbe = true): Promise<Sent<Part>[] | null> {
    return this.inFlightLimit.run(() => this.sendNow(parts, isProbe));
  }

  private async sendNow<Part extends AddressedPush>(
    parts: () => Part[],
    isProbe: boolean,
  ): Promise<Sent<Part>[] | null> {
    const now = performance.now();
    if (this.stopped || (!isProbe && this.waitsForKnownToken(now))) return null;
    const pass = this.breaker.tryPass(now);
    if (pass === 'refused') return null;
    let decided = false;
    try {
      const sent: Sent<Part>[] = [];
      for (const part of parts()) {
        const results = await this.request(part);
        if (results.some(isUnprocessed)) await this.resend(part, results);
        sent.push({ part, results });
      }
      decided = this.note(sent);
      return sent;
    } finally {
      // A probe that ends in any other way must not keep the next one out.
      if (pass === 'probe' && !decided) this.breaker.undecided();
    }
  }

  /** Repeats at once what was not looked at, and puts the new results in place of the old. */
  private async resend(part: Push, results: DeliveryResult[]): Promise<void> {
    for (let resends = 0; resends < MAX_RESENDS; resends++) {
      const again = part.targets.flatMap((target, index) => (isUnprocessed(results[index]) ? [{ target, index }] : []));
      if (again.length === 0) return;
      this.outcomes.resent(this.provider, again.length);
      const repeated = await this.request({ ...part, targets: again.map(({ target }) => target) });
      repeated.forEach((result, position) => (results[again[position]?.index ?? -1] = result));
    }
  }

  private async request(push: Push): Promise<DeliveryResult[]> {
    const start = performance.now();
    const results = await this.transport.send(push);
    this.outcomes.requested(this.provider, performance.now() - start);
    return results;
  }

  /** Whether a token tells something about our settings; anybody can register one that was made up. */
  isKnown(target: PushTarget): boolean {
    return isKnown(target) || (!this.hasDeliveredEver && Date.now() - target.registeredAt > LONG_REGISTERED_MS);
  }

  /** A provider that knows no device at the moment is probed with tokens that it knew; when there are none for long, with any. */
  private waitsForKnownToken(now: number): boolean {
    const { openEnd } = this.breaker;
    if (openEnd === null || this.health.unhealthyBecause?.cause !== 'wrong-address') return false;
    return now < openEnd + this.tuning.breakerMaxMs;
  }

  /**
   * What the results of one request, for one device or for many, tell about the provider: it works when it does for
   * any of them. False = they tell nothing.
   */
  private note(sent: readonly Sent<AddressedPush>[]): boolean {
    const now = performance.now();
    const results = sent.flatMap((one) => one.results);
    if (results.some(({ outcome }) => outcome === 'delivered')) {
      this.deliveredAt = now;
      this.hasDeliveredEver = true;
      this.doubt.clear();
      this.works(now);
      return true;
    }
    if (results.some(isAboutThisDevice)) {
      this.works(now);
      return true;
    }
    // A failure of the push server that one device chose says nothing about the push servers of other devices.
    if (results.every(isOfItsServer)) return false;
    const failure = results.find((result) => result.outcome === 'retry' && result.cause !== 'wrong-address');
    if (failure?.outcome === 'retry') {
      const isStrangers = !sent.some(({ part }) => part.targets.some((target) => this.isKnown(target)));
      if (failure.cause === 'configuration' && isStrangers) return this.noteForeign(failure.reason, now);
      this.noteFailure(failure, now);
      return true;
    }
    const doubts = sent.flatMap(doubtsOf);
    const known = doubts.filter(({ target }) => this.isKnown(target));
    if (known[0]) {
      this.noteDoubt(known, known[0].reason, now);
      return true;
    }
    return doubts[0] !== undefined && this.noteStranger(doubts[0].reason, now);
  }

  private works(now: number): void {
    this.breaker.succeeded();
    if (this.breaker.state(now) === 'closed') this.health.working();
  }

  private noteFailure({ cause, reason, retryAfterMs }: Refusal, now: number): void {
    const forMs = retryAfterMs === undefined ? undefined : retryAfterMs * this.tuning.pauseScale;
    this.breaker.failed(now, { atOnce: this.opensAtOnce(cause, now), forMs });
    if (cause === 'configuration' || this.breaker.state(now) !== 'closed') this.health.failing(cause, reason, now);
  }

  /** While pushes to other devices arrive, an answer that blames the settings concerns one device and opens no breaker. */
  private opensAtOnce(cause: RetryCause, now: number): boolean {
    return (
      cause === 'credential' || cause === 'provider-throttled' || (cause === 'configuration' && !this.hasDelivered(now))
    );
  }

  /**
   * The provider does not know devices under this topic, project or environment that it knew before. While it knows other
   * devices, the tokens are at fault. When it knows none, the settings are: once several recipients show it, the breaker opens,
   * so that no push uses up its attempts.
   */
  private noteDoubt(doubts: readonly Doubt[], reason: string, now: number): void {
    const alone = this.hasDelivered(now);
    for (const { recipient, target } of doubts) this.doubt.add(recipient, target.token);
    const isDoubted = this.doubt.isStrong || this.health.unhealthyBecause?.cause === 'wrong-address';
    if (alone || !isDoubted) this.breaker.succeeded();
    else if (this.doubt.isStrong || this.breaker.openEnd !== null) this.breaker.failed(now, { atOnce: true });
    if (!alone || this.doubt.isStrong) this.health.failing('wrong-address', reason, now);
  }

  /**
   * The provider does not know a token that it never accepted. It may be made up, so that says nothing about our
   * settings, and neither opens the breaker nor keeps it open; but a provider that looks at tokens is not down. Where
   * none was ever accepted, the operator hears of it: it may be the first phone of a new server.
   */
  private noteStranger(reason: string, now: number): boolean {
    const trouble = this.health.unhealthyBecause;
    if (trouble?.cause === 'wrong-address') return false;
    if (trouble !== null || this.hasDeliveredEver) this.works(now);
    else this.health.failing('wrong-address', reason, now);
    return true;
  }

  /**
   * What is wrong with the settings for tokens that it never accepted may be wrong with the tokens: of another app, say.
   * The operator is told, and other pushes are not held up.
   */
  private noteForeign(reason: string, now: number): boolean {
    this.health.failing('configuration', reason, now);
    return false;
  }

  private hasDelivered(now: number): boolean {
    return now - this.deliveredAt < this.tuning.brakeWindowMs;
  }
}

const isUnprocessed = (result: DeliveryResult | undefined): boolean =>
  result?.outcome === 'retry' && result.cause === 'not-processed';

const isOfItsServer = (result: DeliveryResult): boolean => result.outcome === 'retry' && result.cause === 'host-down';

/** Whatever it says about the device, the provider is there and knows us. */
function isAboutThisDevice(result: DeliveryResult): boolean {
  return result.outcome === 'token-gone'
    ? isCertainlyDead(result.reason)
    : result.outcome === 'retry' && result.cause === 'device-throttled';
}

function doubtsOf({ part, results }: Sent<AddressedPush>): Doubt[] {
  const { recipient, targets } = part;
  return targets.flatMap((target, index) => {
    const result = results[index];
    return result && (result.outcome === 'retry' || result.outcome === 'token-gone')
      ? [{ recipient, target, reason: result.reason }]
      : [];
  });
}
