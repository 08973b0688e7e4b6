import assert from 'node:assert/strict';
import { type DeliveryResult, type Provider, type Push, PushTransport } from '../../src/providers/push-transport.js';

export const DELIVERED: DeliveryResult = { outcome: 'delivered', contentLeftOut: false };

/** What becomes of one request: the same for all its devices, one result each, or whatever the function does. */
export type Script = DeliveryResult | DeliveryResult[] | ((push: Push) => Promise<DeliveryResult[]>);

/** A transport that does what the test says, request by request, and remembers a request that nobody expected. */
export class ScriptedTransport extends PushTransport {
  readonly sent: Push[] = [];
  closed = false;
  private readonly script: Script[] = [];
  private readonly unexpected: Push[] = [];
  private standing: Script | null = null;

  constructor(
    readonly provider: Provider,
    readonly maxTargets = 1,
    readonly maxInFlight = 10,
  ) {
    super();
  }

  /** The next requests end like this, one after the other. */
  next(...answers: Script[]): void {
    this.script.push(...answers);
  }

  /** All requests end like this from now on, after those of `next`. */
  always(answer: Script): void {
    this.standing = answer;
  }

  /** To be called at the end of each test. */
  expectNothingElse(): void {
    assert.deepEqual({ unexpected: this.unexpected, missing: this.script }, { unexpected: [], missing: [] });
  }

  override async send(push: Push): Promise<DeliveryResult[]> {
    this.sent.push(push);
    const answer = this.script.shift() ?? this.standing;
    if (!answer) {
      this.unexpected.push(push);
      throw new Error('nobody expected this request');
    }
    if (typeof answer === 'function') return answer(push);
    return Array.isArray(answer) ? [...answer] : push.targets.map(() => answer);
  }

  override reloadCredentials(): Promise<void> {
    throw new Error('nobody expected a reload');
  }

  override credentialExpiresAt(): null {
    return null;
  }

  override async close(): Promise<void> {
    this.closed = true;
  }
}
