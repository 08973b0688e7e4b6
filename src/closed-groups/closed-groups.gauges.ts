import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { sharedAnswer } from '../common/bounds/shared-answer.js';
import { Duties } from '../config/duties.js';
import { countAllRows } from '../database/table-pages.js';
import { MetricsService } from '../metrics/metrics.service.js';

/** Counting looks at every row. */
const KEEP_COUNTS_MS = 5 * 60_000;

const GAUGES: readonly { name: string; help: string; table: string; column?: string }[] = [
  { name: 'session_push_closed_groups', help: 'Legacy closed groups', table: 'closed_groups' },
  {
    name: 'session_push_closed_group_memberships',
    help: 'Memberships in legacy closed groups',
    table: 'closed_group_members',
  },
  {
    name: 'session_push_closed_group_deviceless_memberships',
    help: 'Memberships of Session ids without a device, which end after a month',
    table: 'closed_group_members',
    column: 'deviceless_since',
  },
];

/** Shows how many closed groups there are, how many memberships, and how many of these have nobody to wake. */
@Injectable()
export class ClosedGroupsGauges implements OnModuleInit {
  constructor(
    private readonly dataSource: DataSource,
    private readonly metrics: MetricsService,
    private readonly duties: Duties,
  ) {}

  onModuleInit(): void {
    if (!this.duties.leads) return;
    for (const { name, help, table, column } of GAUGES) {
      const count = sharedAnswer(() => countAllRows(this.dataSource.manager, table, column), KEEP_COUNTS_MS);
      const gauge = { name, help, labelNames: [], combine: 'max' as const };
      this.metrics.gauge(gauge, async () => [{ labels: {}, value: await count() }]);
    }
  }
}
