import { Injectable } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { ClosedGroupsService } from './closed-groups.service.js';

const KEEP_EMPTY_MS = 7 * 24 * 3_600_000;

@Injectable()
export class ClosedGroupsScheduler {
  constructor(private readonly closedGroups: ClosedGroupsService) {}

  @Cron(CronExpression.EVERY_DAY_AT_3AM)
  async forgetEmptyGroups(): Promise<void> {
    await this.closedGroups.forgetEmpty(Date.now() - KEEP_EMPTY_MS);
  }
}
