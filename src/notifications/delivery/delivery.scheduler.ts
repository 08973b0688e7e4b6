import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { OutcomeCounter } from './outcome-counter.js';
import { TokenRemoval } from './token-removal.js';

@Injectable()
export class DeliveryScheduler {
  constructor(
    private readonly removal: TokenRemoval,
    private readonly outcomes: OutcomeCounter,
  ) {}

  @Interval(1000)
  async decideAboutDeadTokens(): Promise<void> {
    await this.removal.decide();
  }

  @Interval(60_000)
  reportDrops(): void {
    this.outcomes.report();
  }
}
