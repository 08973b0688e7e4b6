import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Hysteresis } from '../../common/bounds/hysteresis.js';
import { Duties } from '../../config/duties.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { type Provider } from '../../providers/push-transport.js';
import { DeliveryTuning } from '../delivery-tuning.js';
import { DeliveryStatus, type ProviderStatus } from './delivery-status.js';
import { mostServersFail } from './server-judgement.js';

const LOOK_INTERVAL_MS = 10_000;

/** Notices when most of the servers that devices chose fail, and when that is over. A single failing server is not our concern. */
@Injectable()
export class ServersWatch {
  private readonly logger = new Logger(ServersWatch.name);
  private readonly byProvider = new Map<Provider, Hysteresis>();

  constructor(
    private readonly duties: Duties,
    private readonly status: DeliveryStatus,
    private readonly events: OperatorEvents,
    private readonly tuning: DeliveryTuning,
  ) {}

  @Interval(LOOK_INTERVAL_MS)
  async look(): Promise<void> {
    if (!this.duties.leads || !this.duties.delivers) return;
    const { providers } = await this.status.ofInstance();
    for (const status of providers) this.note(status);
  }

  private note({ provider, servers }: ProviderStatus): void {
    if (!servers) return;
    const failing = mostServersFail(servers);
    switch (this.stateOf(provider).note(failing !== null, performance.now())) {
      case 'bad': {
        const { count, of } = failing ?? { count: 0, of: 0 };
        this.logger.warn({ msg: 'most of the servers that devices chose fail', provider, failing: count, of });
        this.events.emit({ kind: 'servers-fail', provider, failing: count, of });
        break;
      }
      case 'good':
        this.logger.log({ msg: 'most of the servers that devices chose work again', provider });
        this.events.emit({ kind: 'servers-work', provider });
        break;
      case null:
    }
  }

  private stateOf(provider: Provider): Hysteresis {
    const known = this.byProvider.get(provider);
    if (known) return known;
    const { serversFailAfterMs, serversWorkAfterMs } = this.tuning;
    const state = new Hysteresis(serversFailAfterMs, serversWorkAfterMs);
    this.byProvider.set(provider, state);
    return state;
  }
}
