import { Injectable } from '@nestjs/common';
import { OperatorEvents } from '../../operator/operator-events.js';
import { type Provider, PushTransports } from '../../providers/push-transport.js';
import { ClockWatch } from '../clock-watch.js';
import { DeliveryTuning } from '../delivery-tuning.js';
import { OutcomeCounter } from '../outcomes/outcome-counter.js';
import { OutcomePolicy } from '../outcomes/outcome-policy.js';
import { ProviderLane } from './provider-lane.js';
import { ProviderSender } from './provider-sender.js';

/** The lanes of the configured providers. */
@Injectable()
export class ProviderLanes {
  private readonly lanes: ReadonlyMap<Provider, ProviderLane>;

  constructor(
    private readonly transports: PushTransports,
    tuning: DeliveryTuning,
    policy: OutcomePolicy,
    outcomes: OutcomeCounter,
    events: OperatorEvents,
    clock: ClockWatch,
  ) {
    this.lanes = new Map(
      transports.all.map((transport) => [
        transport.provider,
        new ProviderLane(new ProviderSender(transport, tuning, outcomes, events), policy, outcomes, tuning, clock),
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
    await Promise.all(this.transports.all.map((transport) => transport.close()));
  }
}
