import { z } from 'zod';
import { DEVICE_TYPES, type DeviceType } from '../../devices/device.entity.js';
import { healthReportSchema } from './health-report.dto.js';

const count = z.int().min(0);
const countOfEach = Object.fromEntries(DEVICE_TYPES.map((type) => [type, count])) as Record<DeviceType, typeof count>;

const networkSchema = z.strictObject({
  nodes: z.strictObject({ known: count, wanted: count, connected: count, failing: count, aside: count }).meta({
    description: 'wanted: their swarm has accounts; failing: tried again; aside: left alone, they misbehaved.',
  }),
  swarms: z
    .strictObject({ known: count, used: count, uncounted: count })
    .meta({ description: 'used: they have accounts; uncounted: of those, their accounts have not been counted yet.' }),
  accounts: z
    .strictObject({ full: count, partial: count, none: count })
    .meta({ description: 'Watched by all nodes of their swarm, by some, by none.' }),
  reports: z
    .strictObject({
      perSecond: z.number().min(0),
      taken: count,
      copies: count,
      late: count,
      tooBig: count,
      others: count,
    })
    .meta({
      description:
        'Of messages, by nodes, since the start: taken; copies of those; late copies; those of the taken that were too big for ' +
        'a push; and what else was dropped. perSecond: all of them, over the last minute.',
    }),
  list: z
    .strictObject({ ageSeconds: z.number().min(0).nullable(), origin: z.enum(['source', 'nodes', 'file']).nullable() })
    .meta({ description: 'The list of nodes: since somebody confirmed it, and who did; null: there is none yet.' }),
});
export type NetworkFigures = z.infer<typeof networkSchema>;

const seconds = z.number().nullable();

const pushOutcomesSchema = z.strictObject({
  provider: z.string().meta({ description: 'all: whole notifications, before their devices were looked at.' }),
  delivered: count,
  withoutContent: count.meta({ description: 'Of the delivered: woken without content, which was too big.' }),
  deviceGone: count,
  refused: count,
  expired: count,
  collapsed: count.meta({ description: 'Into one push without content: too many for one device, or too old.' }),
  unconfigured: count.meta({ description: 'Dropped, for their provider has no credentials here.' }),
  retries: count,
  halfWithinSeconds: seconds.meta({ description: 'Half of the final answers came within this time after acceptance.' }),
  mostWithinSeconds: seconds.meta({ description: '95 of 100 did.' }),
});

export const serverStatusSchema = z.strictObject({
  host: z.string().meta({ description: 'The name of the machine.' }),
  time: z.iso.datetime(),
  version: z.string(),
  startedAt: z.iso.datetime().meta({ description: 'Of the process that answers.' }),
  instance: z
    .strictObject({ role: z.enum(['all', 'api', 'worker', 'monitor']), processes: z.int().min(1) })
    .meta({ description: 'One that only accepts (api) does not know how providers are.' }),
  health: healthReportSchema,
  pushes: z
    .array(pushOutcomesSchema)
    .meta({ description: 'What became of pushes since the start of this instance, by provider.' }),
  network: networkSchema
    .nullable()
    .meta({ description: "The storage network of today's API; null: no process of this instance watches it." }),
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
