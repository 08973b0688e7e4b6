import { Injectable, Logger } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { DAY_MS } from '../config/durations.js';
import { Duties } from '../config/duties.js';
import { DevicelessMembersService } from './deviceless-members.service.js';

/** Long enough for a phone that is off, and for one whose token died and that has not registered a new one yet. */
const KEEP_DEVICELESS_MS = 30 * DAY_MS;

@Injectable()
export class DevicelessMembersScheduler {
  private readonly logger = new Logger(DevicelessMembersScheduler.name);

  constructor(
    private readonly members: DevicelessMembersService,
    private readonly duties: Duties,
  ) {}

  @Cron('0 30 3 * * *')
  async sweep(): Promise<void> {
    if (!this.duties.leads) return;
    const removed = await this.members.sweep(Date.now(), KEEP_DEVICELESS_MS);
    if (removed > 0) this.logger.log({ msg: 'removed memberships of ids without a device', removed });
  }
}
