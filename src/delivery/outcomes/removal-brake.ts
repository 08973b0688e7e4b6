import { AnswerWindow } from './answer-window.js';

export interface BrakeLimits {
  windowMs: number;
  floor: number;
  share: number;
}

/** A fault that has just begun shows in the last minute long before it shows among the answers of a whole window. */
const SHORT_WINDOWS = 15;

/**
 * Decides whether dead answers of one provider may be believed. When too many devices are called dead within the
 * window, or within its last part, the fault is more likely the provider's or the operator's, and the brake engages.
 * It lifts by itself after a whole window in which pushes were accepted and the share stayed low. Times are those of
 * `performance.now()`.
 */
export class RemovalBrake {
  private readonly answers: AnswerWindow;
  private readonly latest: AnswerWindow;
  private acceptedAt = -Infinity;
  private engagedUntil: number | null = null;

  constructor(private readonly limits: BrakeLimits) {
    this.answers = new AnswerWindow(limits.windowMs);
    this.latest = new AnswerWindow(limits.windowMs / SHORT_WINDOWS);
  }

  accepted(now: number): void {
    this.acceptedAt = now;
    this.add('accepted', now);
  }

  dead(now: number): void {
    this.add('dead', now);
  }

  /**
   * Whether the provider has just accepted something, which shows that we ask it in the right way: one that accepted
   * some an hour ago may have stopped to know any of our tokens since.
   */
  hasAcceptedShortlyBefore(now: number): boolean {
    return now - this.acceptedAt <= this.limits.windowMs / SHORT_WINDOWS;
  }

  /** The same within the whole window. */
  hasAccepted(now: number): boolean {
    return now - this.acceptedAt <= this.limits.windowMs;
  }

  isEngaged(now: number): boolean {
    if (this.tooMany(this.answers, now) || this.tooMany(this.latest, now)) {
      this.engagedUntil = now + this.limits.windowMs;
    } else if (this.engagedUntil !== null && now >= this.engagedUntil && this.answers.totals(now).accepted > 0) {
      this.engagedUntil = null;
    }
    return this.engagedUntil !== null;
  }

  private add(kind: 'accepted' | 'dead', now: number): void {
    this.answers.add(kind, now);
    this.latest.add(kind, now);
  }

  private tooMany(window: AnswerWindow, now: number): boolean {
    const { accepted, dead } = window.totals(now);
    return dead >= this.limits.floor && dead > this.limits.share * (accepted + dead);
  }
}
