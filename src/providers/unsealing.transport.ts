import { type Sealing } from '../sealing/sealing.js';
import { generationOf, isSealed } from '../sealing/sealing.protocol.js';
import { openTarget } from '../sealing/sealed-target.js';
import { type DeliveryResult, type Provider, type Push, PushTransport, type ServerReport } from './push-transport.js';

/** The token cannot be opened: the row in the database is damaged, and the device cannot be reached by it again. */
export const DAMAGED_TOKEN = 'DamagedToken';
const DAMAGED: DeliveryResult = { outcome: 'token-gone', reason: DAMAGED_TOKEN };

/** Another instance has sealed the database with a key that this one does not have: the push waits for one that has. */
const NO_KEY: DeliveryResult = { outcome: 'retry', cause: 'configuration', reason: 'SealedToken' };

/**
 * A transport that is given tokens as they are stored: each is opened right before it is sent, and nobody else sees it. No
 * provider gets a sealed one, which it would call dead.
 */
export class UnsealingTransport extends PushTransport {
  override readonly provider: Provider;
  override readonly maxTargets: number;
  override readonly maxInFlight: number;

  constructor(
    private readonly inner: PushTransport,
    private readonly sealing: Sealing,
  ) {
    super();
    ({ provider: this.provider, maxTargets: this.maxTargets, maxInFlight: this.maxInFlight } = inner);
  }

  override async send(push: Push): Promise<DeliveryResult[]> {
    if (!push.targets.some(({ token }) => isSealed(token))) return this.inner.send(push);
    const opened = push.targets.map((target) => openTarget(this.sealing, target));
    const targets = opened.filter((target) => target !== null);
    const results = targets.length > 0 ? await this.inner.send({ ...push, targets }) : [];
    for (const [index, target] of opened.entries()) {
      if (target === null) results.splice(index, 0, this.whyUnopened(push.targets[index]?.token ?? ''));
    }
    return results;
  }

  private whyUnopened(token: string): DeliveryResult {
    return generationOf(token) > this.sealing.generation ? NO_KEY : DAMAGED;
  }

  override reloadCredentials(): Promise<void> {
    return this.inner.reloadCredentials();
  }

  override credentialExpiresAt(): number | null {
    return this.inner.credentialExpiresAt();
  }

  override servers(): ServerReport | null {
    return this.inner.servers();
  }

  override close(): Promise<void> {
    return this.inner.close();
  }
}
