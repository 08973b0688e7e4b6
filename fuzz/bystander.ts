import { setTimeout as sleep } from 'node:timers/promises';
import { newData, newId, newIosToken } from '../test/support/people.js';
import { type OnionHttpClient } from '../test/support/onion-http.js';

const PAUSE_MS = 15;

/** A well-behaved app that goes on while the server is under attack. */
export class Bystander {
  readonly problems: string[] = [];
  private readonly times: number[] = [];
  private watching = true;
  private readonly ended: Promise<void>;

  constructor(private readonly onion: OnionHttpClient) {
    this.ended = this.run();
  }

  get answers(): number {
    return this.times.length;
  }

  /** Milliseconds within which that share of the answers came. */
  quantile(share: number): number {
    const sorted = this.times.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Infinity;
  }

  async stop(): Promise<void> {
    this.watching = false;
    await this.ended;
  }

  private async run(): Promise<void> {
    const [id, token] = [newId(), newIosToken()];
    const requests: [string, Record<string, string>][] = [
      ['register', { pubKey: id, token }],
      ['notify', { send_to: id, data: newData() }],
      ['unregister', { token }],
    ];
    for (let turn = 0; this.watching; turn++) {
      const [endpoint, args] = requests[turn % requests.length] ?? ['register', {}];
      const began = performance.now();
      try {
        const { status, body } = await this.onion.send(endpoint, args, { version: turn % 2 === 0 ? 'v2' : 'v4' });
        if (status !== 200 || body['code'] !== 1) this.problems.push(`${endpoint} was answered with ${status}`);
      } catch (error) {
        this.problems.push(`${endpoint} failed: ${error instanceof Error ? error.message : typeof error}`);
      }
      this.times.push(performance.now() - began);
      await sleep(PAUSE_MS);
    }
  }
}
