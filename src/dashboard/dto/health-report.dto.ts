import { z } from 'zod';
import { type HealthReport } from '../../health/health.service.js';

const status = z.enum(['ok', 'degraded', 'error']);
const check = { status, problem: z.string().optional().meta({ description: 'Absent when all is well.' }) };
const time = z.iso.datetime().nullable();

const providerReportSchema = z.strictObject({
  ...check,
  breaker: z.string().meta({ description: 'closed: pushes go out; probing, open: they wait.' }),
  unhealthySince: time,
  removalPaused: z.boolean().meta({ description: 'Too many tokens are called dead to believe it.' }),
  certificateEndsAt: time.meta({ description: 'Null: the credential does not end by itself.' }),
});

/** What `/health/ready` tells the operator. */
export const healthReportSchema = z.strictObject({
  status: status.meta({ description: 'degraded: something needs a look, but requests are taken and kept.' }),
  database: z.strictObject(check),
  queue: z.strictObject({
    ...check,
    lanes: z.array(z.strictObject({ lane: z.string(), items: z.int(), oldestAgeSeconds: z.number() })).meta({
      description: 'intake: devices not looked up yet; then one lane for each provider. Empty ones are left out.',
    }),
  }),
  worker: z.strictObject(check),
  providers: z.record(z.string(), providerReportSchema).meta({ description: 'Those that are configured.' }),
  unconfigured: z.array(z.string()),
}) satisfies z.ZodType<HealthReport>;
