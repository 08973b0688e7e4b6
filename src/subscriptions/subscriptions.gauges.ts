import { Injectable, type OnModuleInit } from '@nestjs/common';
import { sharedAnswer } from '../common/bounds/shared-answer.js';
import { Duties } from '../config/duties.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { SubscribedTokensService } from './registry/subscribed-tokens.service.js';

/** Counting looks at every row. */
const KEEP_COUNTS_MS = 5 * 60_000;

/** Shows how many subscriptions there are. */
@Injectable()
export class SubscriptionsGauges implements OnModuleInit {
  constructor(
    private readonly tokens: SubscribedTokensService,
    private readonly metrics: MetricsService,
    private readonly duties: Duties,
  ) {}

  onModuleInit(): void {
    if (!this.duties.leads) return;
    const count = sharedAnswer(() => this.tokens.count(), KEEP_COUNTS_MS);
    this.metrics.gauge(
      { name: 'session_push_subscriptions', help: 'Subscriptions', labelNames: ['service'], combine: 'max' },
      async () => Object.entries(await count()).map(([service, value]) => ({ labels: { service }, value })),
    );
  }
}
