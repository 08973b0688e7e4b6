import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../child.js';
import { monotonicMs } from '../measure/clock.js';
import { type Arrivals, type GatewayOrder, type GatewayProgress, type GatewaysReady } from './gateway-orders.js';

const LOOK_EVERY_MS = 20;
/** Longer than the pause after which the server tries a provider again. */
const STANDS_STILL_AFTER_MS = 70_000;

/** The process with the stand-in push services. */
export class Gateways {
  private constructor(
    private readonly child: Child,
    readonly environment: Readonly<Record<string, string>>,
  ) {}

  static async start(cores: string | null, folder: string, latencyMs: number): Promise<Gateways> {
    const file = join(import.meta.dirname, 'gateways.process.ts');
    const child = Child.start(file, { cores, args: [folder, String(latencyMs)] });
    return new Gateways(child, (await child.ready<GatewaysReady>()).environment);
  }

  async expect(notifications: { firstSequence: number; count: number }): Promise<void> {
    const { firstSequence, count } = notifications;
    await this.ask({ kind: 'expect', firstSequence, count });
  }

  /** Ends when that many pushes have come since `expect`; with the time of the last one. */
  async received(pushes: number, onProgress?: (pushes: number) => void): Promise<number> {
    let before = -1;
    let movedAt = monotonicMs();
    for (;;) {
      const now = await this.ask<GatewayProgress>({ kind: 'progress' });
      if (now.pushes >= pushes) return now.lastPushAt;
      if (now.pushes !== before) movedAt = monotonicMs();
      else if (monotonicMs() - movedAt > STANDS_STILL_AFTER_MS)
        throw new Error(`delivery stands still: ${now.pushes} of ${pushes} pushes came`);
      before = now.pushes;
      onProgress?.(now.pushes);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async arrivals(): Promise<Float64Array> {
    return (await this.ask<Arrivals>({ kind: 'arrivals' })).firstPushAt;
  }

  stop(): Promise<void> {
    return this.child.stop();
  }

  private ask<Answer>(order: GatewayOrder): Promise<Answer> {
    return this.child.ask<Answer>(order);
  }
}
