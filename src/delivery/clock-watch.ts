import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { describeError } from '../common/words/describe-error.js';
import { TrustedClock } from '../common/time/trusted-clock.js';
import { MINUTE_MS } from '../config/durations.js';
import { Duties } from '../config/duties.js';
import { OperatorEvents } from '../operator/operator-events.js';
import { LONGEST_PAUSE_MS } from './delivery-tuning.js';
import { NotificationQueue } from './queue/notification-queue.js';

const LOOK_INTERVAL_MS = 1000;

/** How often delayed items that are due later than any pause allows are looked for; a clock may have been wrong before this process began. */
const SWEEP_INTERVAL_MS = MINUTE_MS;

/**
 * Times in the queue are of the wall clock: after a jump what is put off is due, whatever its times say, and what seems to be
 * over waits until the clock has settled.
 */
@Injectable()
export class ClockWatch {
  private readonly logger = new Logger(ClockWatch.name);
  private sweptAt = -Infinity;
  private hasJumped = false;

  constructor(
    private readonly duties: Duties,
    private readonly queue: NotificationQueue,
    private readonly events: OperatorEvents,
    private readonly clock: TrustedClock,
  ) {
    clock.onJump((byMs) => this.jumped(byMs));
  }

  /** Whether a time (UTC epoch milliseconds) is past, as far as the clock can be believed. */
  isOver(time: number): boolean {
    return this.clock.isSettled() && Date.now() >= time;
  }

  /** A time of ours as a push service is told it, which knows the time or is told how much of it is left. */
  toWallClock(time: number): number {
    return time - this.clock.now() + Date.now();
  }

  @Interval(LOOK_INTERVAL_MS)
  async look(): Promise<void> {
    this.clock.now();
    if (!this.duties.delivers) return;
    const now = performance.now();
    if (!this.hasJumped && now - this.sweptAt < SWEEP_INTERVAL_MS) return;
    try {
      await this.queue.makeDue(Date.now() + (this.hasJumped ? 0 : LONGEST_PAUSE_MS));
      this.hasJumped = false;
      this.sweptAt = now;
    } catch (error) {
      this.logger.warn({ msg: 'delayed pushes could not be looked through', error: describeError(error) });
    }
  }

  private jumped(byMs: number): void {
    this.hasJumped = true;
    this.logger.warn({
      msg: 'the clock of this machine has jumped',
      byMs,
      advice: 'check its time synchronization; for some minutes nothing expires',
    });
    this.events.emit({ kind: 'clock-jumped', byMs });
  }
}
