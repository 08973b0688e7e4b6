import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { describeError } from '../common/describe-error.js';
import { MINUTE_MS } from '../config/durations.js';
import { Duties } from '../config/duties.js';
import { OperatorEvents } from '../operator/operator-events.js';
import { LONGEST_PAUSE_MS } from './delivery-tuning.js';
import { NotificationQueue } from './queue/notification-queue.js';

const LOOK_INTERVAL_MS = 1000;

/** How often delayed items that are due later than any pause allows are looked for; a clock may have been wrong before this process began. */
const SWEEP_INTERVAL_MS = MINUTE_MS;

/** Synchronization moves a clock by less; a machine that slept wakes with more. */
const JUMP_MS = 30_000;

/** A clock that jumped ahead may be corrected again: for this long nothing counts as expired. */
const SETTLES_MS = 5 * MINUTE_MS;

/**
 * Compares the wall clock, which an operator or a synchronization may set, with the one that never steps. Times in the
 * queue are of the wall clock: after a jump what is put off is due, whatever its times say, and what seems to be over
 * waits until the clock has settled.
 */
@Injectable()
export class ClockWatch {
  private readonly logger = new Logger(ClockWatch.name);
  private difference = Date.now() - performance.now();
  private settledAt = -Infinity;
  private sweptAt = -Infinity;
  private hasJumped = false;

  constructor(
    private readonly duties: Duties,
    private readonly queue: NotificationQueue,
    private readonly events: OperatorEvents,
  ) {}

  /** Whether a time (UTC epoch milliseconds) is past, as far as the clock can be believed. */
  isOver(time: number): boolean {
    this.compare();
    return Date.now() >= time && performance.now() >= this.settledAt;
  }

  @Interval(LOOK_INTERVAL_MS)
  async look(): Promise<void> {
    this.compare();
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

  private compare(): void {
    const difference = Date.now() - performance.now();
    const byMs = Math.round(difference - this.difference);
    if (Math.abs(byMs) < JUMP_MS) {
      // It may drift, and be slewed.
      this.difference = difference;
      return;
    }
    this.difference = difference;
    this.hasJumped = true;
    if (byMs > 0) this.settledAt = performance.now() + SETTLES_MS;
    this.logger.warn({
      msg: 'the clock of this machine has jumped',
      byMs,
      advice: 'check its time synchronization; for some minutes nothing expires',
    });
    this.events.emit({ kind: 'clock-jumped', byMs });
  }
}
