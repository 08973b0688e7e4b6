import { type Sealing } from '../../sealing/sealing.js';
import { type DeliveryResult, type Provider, type Push, PushTransport } from './push-transport.js';

/** The row in the database is damaged. The other devices are not to wait for it, and no try helps. */
const DAMAGED: DeliveryResult = { outcome: 'refused', reason: 'DamagedToken' };

/** A transport that is given sealed tokens: each is opened right before it is sent, and nobody else sees it. */
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
    const opened = push.targets.map((target) => {
      const token = this.sealing.open(target.token);
      return token === null ? null : { ...target, token };
    });
    const targets = opened.filter((target) => target !== null);
    const results = targets.length > 0 ? await this.inner.send({ ...push, targets }) : [];
    for (const [index, target] of opened.entries()) if (target === null) results.splice(index, 0, DAMAGED);
    return results;
  }

  override reloadCredentials(): Promise<void> {
    return this.inner.reloadCredentials();
  }

  override credentialExpiresAt(): number | null {
    return this.inner.credentialExpiresAt();
  }

  override close(): Promise<void> {
    return this.inner.close();
  }
}
