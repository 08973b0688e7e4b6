import { Injectable } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { DAY_MS } from '../config/durations.js';
import { Duties } from '../config/duties.js';
import { ClosedGroupsService } from './closed-groups.service.js';

const KEEP_EMPTY_MS = 7 * DAY_MS;

@Injectable()
export class ClosedGroupsScheduler {
  constructor(
    private readonly closedGroups: ClosedGroupsService,
    private readonly duties: Duties,
  ) {}

  @Cron(CronExpression.EVERY_DAY_AT_3AM)
  async forgetEmptyGroups(): Promise<void> {
    if (!this.duties.leads) return;
    await this.closedGroups.forgetEmpty(Date.now() - KEEP_EMPTY_MS);
  }
}
