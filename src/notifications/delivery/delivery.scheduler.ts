import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { DropCounter } from './drop-counter.js';
import { TokenRemoval } from './token-removal.js';

@Injectable()
export class DeliveryScheduler {
  constructor(
    private readonly removal: TokenRemoval,
    private readonly drops: DropCounter,
  ) {}

  @Interval(1000)
  async decideAboutDeadTokens(): Promise<void> {
    await this.removal.decide();
  }

  @Interval(60_000)
  reportDrops(): void {
    this.drops.report();
  }
}
