import { Slots } from '../../common/slots.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import {
  type DeliveryResult,
  type Provider,
  type Push,
  type PushTransport,
  type RetryCause,
} from '../transports/push-transport.js';
import { type BreakerState, CircuitBreaker } from './circuit-breaker.js';
import { isCertainlyDead } from './dead-reasons.js';
import { type DeliveryTuning } from './delivery-tuning.js';
import { OutcomeCounter } from './outcome-counter.js';
import { ProviderHealth } from './provider-health.js';

/** Sends that are repeated at once because the provider never looked at them; after that they wait like any other. */
const MAX_RESENDS = 3;

interface Sent<Part extends Push> {
  part: Part;
  results: DeliveryResult[];
}

type Refusal = Extract<DeliveryResult, { outcome: 'retry' }>;

/**
 * A transport behind its bound on requests in flight and its circuit breaker, so that one provider's bad days cost
 * the others nothing.
 */
export class ProviderSender {
  readonly provider: Provider;
  readonly maxTargets: number;
  readonly health: ProviderHealth;
  private readonly breaker: CircuitBreaker;
  private readonly slots: Slots;
  private deliveredAt = -Infinity;
  private doubtsInARow = 0;
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
    this.slots = new Slots(transport.maxInFlight);
    this.breaker = new CircuitBreaker({
      threshold: tuning.breakerThreshold,
      baseMs: tuning.breakerBaseMs,
      maxMs: tuning.breakerMaxMs,
    });
  }

  breakerState(): BreakerState {
    return this.breaker.state(Date.now());
  }

  /** Requests that could be taken on without waiting in memory for longer than the backlog allows. */
  room(): number {
    return this.stopped ? 0 : Math.max(0, this.tuning.maxProviderBacklog - this.slots.waiting);
  }

  get inFlight(): number {
    return this.slots.taken;
  }

  /** Sends that wait for a slot. */
  get waiting(): number {
    return this.slots.waiting;
  }

  /** Its last words were that it does not know whom we ask for, and nobody was known lately. */
  get settingsDoubted(): boolean {
    return this.health.unhealthyBecause?.cause === 'wrong-address' && !this.hasDelivered(Date.now());
  }

  /** New sends are held back from now on; those under way end. */
  stop(): void {
    this.stopped = true;
  }

  /**
   * Waits for a slot, then lets `parts` say what is to be sent, which may depend on the time that has passed.
   * Returns the results of each part, or null when the breaker is open or the server stops: nothing was sent.
   */
  send<Part extends Push>(parts: () => Part[]): Promise<Sent<Part>[] | null> {
    return this.slots.run(() => this.sendNow(parts));
  }

  private async sendNow<Part extends Push>(parts: () => Part[]): Promise<Sent<Part>[] | null> {
    if (this.stopped) return null;
    const pass = this.breaker.tryPass(Date.now());
    if (pass === 'refused') return null;
    let decided = false;
    try {
      const sent: Sent<Part>[] = [];
      for (const part of parts()) {
        const results = await this.request(part);
        if (results.some(isUnprocessed)) await this.resend(part, results);
        sent.push({ part, results });
      }
      decided = this.note(sent.flatMap(({ results }) => results));
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

  /**
   * What the results of one request, for one device or for many, tell about the provider: it works when it does for
   * any of them. False = they tell nothing.
   */
  private note(results: readonly DeliveryResult[]): boolean {
    const now = Date.now();
    if (results.some(({ outcome }) => outcome === 'delivered')) {
      this.deliveredAt = now;
      this.doubtsInARow = 0;
      this.works(now);
      return true;
    }
    if (results.some(isAboutThisDevice)) {
      this.works(now);
      return true;
    }
    const failure = results.find((result) => result.outcome === 'retry' && result.cause !== 'wrong-address');
    if (failure?.outcome === 'retry') {
      this.noteFailure(failure, now);
      return true;
    }
    const doubt = results.find(({ outcome }) => outcome !== 'refused');
    if (doubt && 'reason' in doubt) this.noteDoubt(doubt.reason, now);
    return doubt !== undefined;
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

  /** While others are delivered, a fault of the settings is one device's, and must not hold the others up. */
  private opensAtOnce(cause: RetryCause, now: number): boolean {
    return (
      cause === 'credential' || cause === 'provider-throttled' || (cause === 'configuration' && !this.hasDelivered(now))
    );
  }

  /**
   * The provider does not know the device under this topic, project or environment. Where others are known it is the
   * device's matter; where nobody is, the settings are wrong, and the breaker keeps the pushes from being burnt.
   */
  private noteDoubt(reason: string, now: number): void {
    const alone = this.hasDelivered(now);
    this.doubtsInARow++;
    if (alone) this.breaker.succeeded();
    else this.breaker.failed(now);
    if (!alone || this.doubtsInARow >= this.tuning.breakerThreshold) this.health.failing('wrong-address', reason, now);
  }

  private hasDelivered(now: number): boolean {
    return now - this.deliveredAt < this.tuning.brakeWindowMs;
  }
}

const isUnprocessed = (result: DeliveryResult | undefined): boolean =>
  result?.outcome === 'retry' && result.cause === 'not-processed';

/** Whatever it says about the device, the provider is there and knows us. */
function isAboutThisDevice(result: DeliveryResult): boolean {
  return result.outcome === 'token-gone'
    ? isCertainlyDead(result.reason)
    : result.outcome === 'retry' && result.cause === 'device-throttled';
}
