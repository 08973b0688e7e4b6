import { Injectable, type OnModuleInit } from '@nestjs/common';
import { sharedAnswer } from '../common/bounds/shared-answer.js';
import { Duties } from '../config/duties.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { DevicesService } from './devices.service.js';

/** Counting looks at every row. */
const KEEP_COUNTS_MS = 5 * 60_000;

/** Shows how many devices are registered, and by how many ids. */
@Injectable()
export class DevicesGauges implements OnModuleInit {
  constructor(
    private readonly devices: DevicesService,
    private readonly metrics: MetricsService,
    private readonly duties: Duties,
  ) {}

  onModuleInit(): void {
    if (!this.duties.leads) return;
    const count = sharedAnswer(() => this.devices.count(), KEEP_COUNTS_MS);
    this.metrics.gauge(
      { name: 'session_push_devices', help: 'Registered devices by type', labelNames: ['type'], combine: 'max' },
      async () => Object.entries((await count()).byType).map(([type, value]) => ({ labels: { type }, value })),
    );
    this.metrics.gauge(
      { name: 'session_push_session_ids', help: 'Session ids with a device', labelNames: [], combine: 'max' },
      async () => [{ labels: {}, value: (await count()).sessionIds }],
    );
  }
}
