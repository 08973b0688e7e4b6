import { Inject, Injectable } from '@nestjs/common';
import { OperatorEvents } from '../../operator/operator-events.js';
import { type Provider, PUSH_TRANSPORTS, type PushTransport } from '../transports/push-transport.js';
import { DELIVERY_TUNING, type DeliveryTuning } from './delivery-tuning.js';
import { OutcomeCounter } from './outcome-counter.js';
import { OutcomePolicy } from './outcome-policy.js';
import { ProviderLane } from './provider-lane.js';
import { ProviderSender } from './provider-sender.js';

/** The lanes of the configured providers. */
@Injectable()
export class ProviderLanes {
  private readonly lanes: ReadonlyMap<Provider, ProviderLane>;

  constructor(
    @Inject(PUSH_TRANSPORTS) private readonly transports: readonly PushTransport[],
    @Inject(DELIVERY_TUNING) tuning: DeliveryTuning,
    policy: OutcomePolicy,
    outcomes: OutcomeCounter,
    events: OperatorEvents,
  ) {
    this.lanes = new Map(
      transports.map((transport) => [
        transport.provider,
        new ProviderLane(new ProviderSender(transport, tuning, outcomes, events), policy, outcomes, tuning),
      ]),
    );
  }

  get(provider: Provider): ProviderLane | undefined {
    return this.lanes.get(provider);
  }

  all(): ProviderLane[] {
    return [...this.lanes.values()];
  }

  async close(): Promise<void> {
    await Promise.all(this.transports.map((transport) => transport.close()));
  }
}
