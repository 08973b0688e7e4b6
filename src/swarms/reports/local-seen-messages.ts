import { randomBytes } from 'node:crypto';
import { HOUR_MS } from '../../config/durations.js';
import { FingerprintSet } from './fingerprint-set.js';
import { fingerprintOf, type MessageKey, type Rest, restAlone, SeenMessages } from './seen-messages.js';

/** At the most 32 MiB for a generation, so 64 MiB. */
const MAX_PER_HOUR = 2_000_000;

/**
 * Remembers what this process has taken, for one to two hours, in memory.
 *
 * Two generations, of which the older is dropped as a whole. When more come within an hour than are kept, the oldest are
 * forgotten early, which is counted.
 */
export class LocalSeenMessages extends SeenMessages {
  readonly memoryMs: number;
  forgottenEarly = 0;
  private readonly secret = randomBytes(32);
  private readonly underWay = new Map<string, Promise<void>>();
  private younger: FingerprintSet;
  private older: FingerprintSet;
  private turnedAt = performance.now();

  constructor(
    private readonly periodMs = HOUR_MS,
    private readonly maxPerPeriod = MAX_PER_HOUR,
  ) {
    super();
    this.memoryMs = periodMs;
    this.younger = new FingerprintSet(maxPerPeriod);
    this.older = new FingerprintSet(maxPerPeriod);
  }

  async once(message: MessageKey, take: (rest: Rest) => Promise<void>): Promise<'taken' | 'copy'> {
    const fingerprint = fingerprintOf(message, this.secret);
    const key = fingerprint.toString('latin1');
    for (let other = this.underWay.get(key); other; other = this.underWay.get(key)) await settled(other);
    if (this.has(fingerprint)) return 'copy';
    const taking = take(restAlone);
    this.underWay.set(key, taking);
    try {
      await taking;
      this.add(fingerprint);
      return 'taken';
    } finally {
      this.underWay.delete(key);
    }
  }

  private has(fingerprint: Buffer): boolean {
    this.turn();
    return this.younger.has(fingerprint) || this.older.has(fingerprint);
  }

  private add(fingerprint: Buffer): void {
    this.turn();
    this.younger.add(fingerprint);
  }

  private turn(): void {
    const now = performance.now();
    const isOver = now - this.turnedAt >= this.periodMs;
    if (!isOver && !this.younger.isFull) return;
    if (!isOver) this.forgottenEarly += this.older.size;
    this.older = now - this.turnedAt >= 2 * this.periodMs ? new FingerprintSet(this.maxPerPeriod) : this.younger;
    this.younger = new FingerprintSet(this.maxPerPeriod);
    this.turnedAt = now;
  }
}

async function settled(promise: Promise<void>): Promise<void> {
  await promise.catch(() => undefined);
}
