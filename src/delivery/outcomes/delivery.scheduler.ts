import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { OutcomeCounter } from './outcome-counter.js';
import { TokenRemoval } from './token-removal.js';

@Injectable()
export class DeliveryScheduler implements OnApplicationShutdown {
  private deciding: Promise<void> | null = null;

  constructor(
    private readonly removal: TokenRemoval,
    private readonly outcomes: OutcomeCounter,
  ) {}

  @Interval(1000)
  async decideAboutDeadTokens(): Promise<void> {
    // With a slow database, two rounds must not decide about the same tokens.
    this.deciding ??= this.removal.decide().finally(() => (this.deciding = null));
    await this.deciding;
  }

  @Interval(60_000)
  reportDrops(): void {
    this.outcomes.report();
  }

  onApplicationShutdown(): void {
    this.outcomes.report();
  }
}
