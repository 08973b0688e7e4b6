import { AnswerWindow } from './answer-window.js';

export interface BrakeLimits {
  windowMs: number;
  floor: number;
  share: number;
}

/**
 * Decides whether dead answers of one provider may be believed. When too many devices are called dead within the
 * window, the fault is more likely the provider's or the operator's, and the brake engages; after a whole window in
 * which the share stayed low it lifts by itself.
 */
export class RemovalBrake {
  private readonly answers: AnswerWindow;
  private engagedUntil: number | null = null;

  constructor(private readonly limits: BrakeLimits) {
    this.answers = new AnswerWindow(limits.windowMs);
  }

  accepted(now: number): void {
    this.answers.add('accepted', now);
  }

  dead(now: number): void {
    this.answers.add('dead', now);
  }

  /** Whether the provider accepted anything lately, which shows that we ask it in the right way. */
  hasEvidence(now: number): boolean {
    return this.answers.totals(now).accepted > 0;
  }

  isEngaged(now: number): boolean {
    const { accepted, dead } = this.answers.totals(now);
    if (dead >= this.limits.floor && dead > this.limits.share * (accepted + dead)) {
      this.engagedUntil = now + this.limits.windowMs;
    } else if (this.engagedUntil !== null && now >= this.engagedUntil) {
      this.engagedUntil = null;
    }
    return this.engagedUntil !== null;
  }
}
