import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { ClosedGroupMember } from '../closed-groups/closed-group-member.entity.js';
import { ClosedGroup } from '../closed-groups/closed-group.entity.js';
import { loadConfig } from '../config/app-config.js';
import { Device } from '../devices/device.entity.js';
import { SuspectToken } from '../devices/suspect-token.entity.js';
import { QueuedNotification } from '../notifications/queue/queued-notification.entity.js';
import { StatisticsPeriod } from '../statistics/statistics-period.entity.js';
import { databaseOptions } from './database-options.js';

/** All tables. The running server gets them from its modules; the migration commands and tests from here. */
export const ENTITIES = [Device, SuspectToken, ClosedGroup, ClosedGroupMember, QueuedNotification, StatisticsPeriod];

export default new DataSource({
  ...databaseOptions(loadConfig().database),
  migrationsRun: false,
  entities: ENTITIES,
});
