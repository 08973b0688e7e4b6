import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { sharedAnswer } from '../common/shared-answer.js';
import { Duties } from '../config/duties.js';
import { countAllRows } from '../database/table-pages.js';
import { MetricsService } from '../metrics/metrics.service.js';

/** Counting looks at every row. */
const KEEP_COUNTS_MS = 5 * 60_000;

const GAUGES = [
  { name: 'session_push_closed_groups', help: 'Legacy closed groups', table: 'closed_groups' },
  {
    name: 'session_push_closed_group_memberships',
    help: 'Memberships in legacy closed groups',
    table: 'closed_group_members',
  },
];

/** Shows how many closed groups there are, and how many memberships. */
@Injectable()
export class ClosedGroupsGauges implements OnModuleInit {
  constructor(
    private readonly dataSource: DataSource,
    private readonly metrics: MetricsService,
    private readonly duties: Duties,
  ) {}

  onModuleInit(): void {
    if (!this.duties.leads) return;
    for (const { name, help, table } of GAUGES) {
      const count = sharedAnswer(() => countAllRows(this.dataSource.manager, table), KEEP_COUNTS_MS);
      const gauge = { name, help, labelNames: [], combine: 'max' as const };
      this.metrics.gauge(gauge, async () => [{ labels: {}, value: await count() }]);
    }
  }
}
