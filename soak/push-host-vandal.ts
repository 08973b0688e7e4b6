import { setTimeout as sleep } from 'node:timers/promises';
import { type WebPushGateway } from '../gateways/webpush.gateway.js';
import { type Correspondent } from '../test/support/load/correspondent.js';

const between = (min: number, max: number): number => min + Math.random() * (max - min);
const pick = <T>(list: readonly T[]): T => {
  const item = list[Math.floor(Math.random() * list.length)];
  if (item === undefined) throw new Error('There is nothing to pick from.');
  return item;
};

/** Few enough that they do not take all connections to a host: what waits for one may be sent when nobody waits for it any more. */
const STALLED_AT_ONCE = 3;

/** What the push servers of phones without Google do to whoever pushes there, one thing after another. */
export class PushHostVandal {
  /** Endpoints that were given up. */
  readonly ended: string[] = [];

  constructor(
    private readonly hosts: readonly WebPushGateway[],
    private readonly correspondents: readonly Correspondent[],
  ) {}

  async act(): Promise<void> {
    switch (Math.floor(Math.random() * 4)) {
      case 0:
        return this.beOutOfOrder();
      case 1:
        return this.stall();
      case 2:
        return this.throttle();
      default:
        return pick(this.correspondents).changeEndpoint((endpoint) => this.end(endpoint));
    }
  }

  private async beOutOfOrder(): Promise<void> {
    const host = pick(this.hosts);
    const answer = Math.random() < 0.5 ? { status: 503 } : { status: 503, headers: { 'retry-after': '1' } };
    host.faults.all({ kind: 'answer', answer });
    await sleep(between(500, 4000));
    host.faults.clear();
  }

  private async stall(): Promise<void> {
    const count = 1 + Math.floor(Math.random() * STALLED_AT_ONCE);
    pick(this.hosts).faults.next(count, { kind: 'stall' });
    await sleep(between(500, 4000));
  }

  private async throttle(): Promise<void> {
    const answer = { status: 429, headers: { 'retry-after': '2' } };
    pick(this.correspondents).throttle((endpoint) =>
      this.hostOf(endpoint).faults.forToken(endpoint, { kind: 'answer', answer }, 1),
    );
    await sleep(between(200, 1000));
  }

  private end(endpoint: string): void {
    this.ended.push(endpoint);
    this.hostOf(endpoint).mark(endpoint, Math.random() < 0.5 ? 'gone' : 'unknown');
  }

  private hostOf(endpoint: string): WebPushGateway {
    const host = this.hosts.find(({ url }) => endpoint.startsWith(`${url}/`));
    if (!host) throw new Error('There is no such push server.');
    return host;
  }
}
