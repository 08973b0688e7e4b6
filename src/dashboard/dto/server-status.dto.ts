import { z } from 'zod';
import { DEVICE_TYPES, type DeviceType } from '../../devices/device.entity.js';
import { healthReportSchema } from './health-report.dto.js';

const count = z.int().min(0);
const countOfEach = Object.fromEntries(DEVICE_TYPES.map((type) => [type, count])) as Record<DeviceType, typeof count>;

export const serverStatusSchema = z.strictObject({
  time: z.iso.datetime(),
  version: z.string(),
  startedAt: z.iso.datetime().meta({ description: 'Of the process that answers.' }),
  instance: z
    .strictObject({ role: z.enum(['all', 'api', 'worker']), processes: z.int().min(1) })
    .meta({ description: 'One that only accepts (api) does not know how providers are.' }),
  health: healthReportSchema,
  devices: z
    .strictObject({
      byPlatform: z.strictObject(countOfEach),
      sessionIds: count.meta({ description: 'Session ids with at least one device.' }),
      countedAt: z.iso.datetime(),
    })
    .nullable()
    .meta({ description: 'Counted at most once a minute; null: they could not be counted.' }),
});
export type ServerStatus = z.infer<typeof serverStatusSchema>;
