import pLimit, { type LimitFunction } from 'p-limit';
import { type DeliveryResult, type Provider, type Push, type PushTransport } from '../transports/push-transport.js';
import { type BreakerState, CircuitBreaker } from './circuit-breaker.js';
import { type DeliveryTuning } from './delivery-tuning.js';
import { ProviderHealth } from './provider-health.js';

/** Sends that are repeated at once because the provider never looked at them; after that they wait like any other. */
const MAX_RESENDS = 3;

/**
 * A transport behind its bound on requests in flight and its circuit breaker, so that one provider's bad days cost
 * the others nothing.
 */
export class ProviderSender {
  readonly provider: Provider;
  readonly maxTargets: number;
  readonly health: ProviderHealth;
  private readonly breaker: CircuitBreaker;
  private readonly slots: LimitFunction;
  private hasDelivered = false;
  private stopped = false;

  constructor(
    private readonly transport: PushTransport,
    private readonly tuning: DeliveryTuning,
  ) {
    this.provider = transport.provider;
    this.maxTargets = transport.maxTargets;
    this.health = new ProviderHealth(transport.provider);
    this.slots = pLimit(transport.maxInFlight);
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
    return this.stopped ? 0 : Math.max(0, this.tuning.maxProviderBacklog - this.slots.pendingCount);
  }

  /** New sends are held back from now on; those under way end. */
  stop(): void {
    this.stopped = true;
  }

  /**
   * Waits for a slot, then lets `parts` say what is to be sent, which may depend on the time that has passed.
   * Returns the results of each part, or null when the breaker is open or the server stops: nothing was sent.
   */
  send<Part extends Push>(parts: () => Part[]): Promise<{ part: Part; results: DeliveryResult[] }[] | null> {
    return this.slots(async () => {
      if (this.stopped || !this.breaker.tryPass(Date.now())) return null;
      const sent: { part: Part; results: DeliveryResult[] }[] = [];
      for (const part of parts()) sent.push({ part, results: await this.sendPart(part) });
      if (sent.length === 0) this.breaker.undecided();
      return sent;
    });
  }

  private async sendPart(part: Push): Promise<DeliveryResult[]> {
    const results = await this.transport.send(part);
    for (let resends = 0; resends < MAX_RESENDS; resends++) {
      const again = part.targets.flatMap((target, index) => (isUnprocessed(results[index]) ? [{ target, index }] : []));
      if (again.length === 0) break;
      const repeated = await this.transport.send({ ...part, targets: again.map(({ target }) => target) });
      repeated.forEach((result, position) => (results[again[position]?.index ?? -1] = result));
    }
    for (const result of results) this.note(result);
    return results;
  }

  private note(result: DeliveryResult): void {
    const now = Date.now();
    if (result.outcome !== 'retry' || result.cause === 'device-throttled') {
      // Whatever it said about the device, the provider is there and answers us.
      this.breaker.succeeded();
      if (result.outcome === 'delivered') this.hasDelivered = true;
      this.health.working();
      return;
    }
    const { cause, reason, retryAfterMs } = result;
    const atOnce = cause === 'credential' || cause === 'configuration' || cause === 'provider-throttled';
    this.breaker.failed(now, { atOnce, forMs: atOnce ? retryAfterMs : undefined });
    const onlyThisDevice = cause === 'wrong-address' && this.hasDelivered;
    if (this.breaker.state(now) !== 'closed' || (cause === 'wrong-address' && !onlyThisDevice)) {
      this.health.failing(cause, reason, now);
    }
  }
}

const isUnprocessed = (result: DeliveryResult | undefined): boolean =>
  result?.outcome === 'retry' && result.cause === 'not-processed';
