import { z } from 'zod';
import { type HealthReport } from '../../health/health.service.js';

const status = z.enum(['ok', 'degraded', 'error']);
const check = { status, problem: z.string().optional().meta({ description: 'Absent when all is well.' }) };
const time = z.iso.datetime().nullable();

const serversSchema = z
  .strictObject({
    known: z.int().min(0).meta({ description: 'Sent to lately.' }),
    failing: z.int().min(0).meta({ description: 'Left alone for now.' }),
    proven: z.int().min(0).meta({ description: 'Took a push since the start.' }),
    provenFailing: z.int().min(0).meta({ description: 'Of those that did, left alone for now.' }),
    largestFailing: z.array(z.strictObject({ host: z.string(), devices: z.int(), reason: z.string() })).meta({
      description: 'Those of them that several devices use.',
    }),
  })
  .nullable()
  .meta({ description: 'The servers that devices chose; null: the provider is one service.' });

const providerReportSchema = z.strictObject({
  ...check,
  breaker: z.string().meta({ description: 'closed: pushes go out; probing, open: they wait.' }),
  unhealthySince: time,
  removalPaused: z.boolean().meta({ description: 'Too many tokens are called dead to believe it.' }),
  certificateEndsAt: time.meta({ description: 'Null: the credential does not expire.' }),
  servers: serversSchema,
});

/** What `/health/ready` tells the operator. */
export const healthReportSchema = z.strictObject({
  status: status.meta({ description: 'degraded: something is impaired, but requests are accepted and kept.' }),
  database: z.strictObject(check),
  queue: z.strictObject({
    ...check,
    lanes: z.array(z.strictObject({ lane: z.string(), items: z.int(), oldestAgeSeconds: z.number() })).meta({
      description: 'intake: devices not looked up yet; then one lane for each provider. Empty ones are left out.',
    }),
  }),
  worker: z.strictObject(check),
  network: z
    .strictObject(check)
    .nullable()
    .meta({ description: 'The storage network; null: this instance does not watch it.' }),
  providers: z.record(z.string(), providerReportSchema).meta({ description: 'Those that are configured.' }),
  unconfigured: z.array(z.string()),
}) satisfies z.ZodType<HealthReport>;
