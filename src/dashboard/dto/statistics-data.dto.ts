import { z } from 'zod';

const TIME_FORM = 'must be a UTC time such as 2026-03-01T12:00:00Z, a date, or epoch milliseconds';
/** The last moment that a `Date` can hold. */
const LATEST = 8_640_000_000_000_000;

/** A date alone means its first millisecond in UTC. */
const time = z
  .union(
    [
      z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
      z.iso.date().transform((text) => Date.parse(text)),
      z.string().regex(/^\d+$/).transform(Number).pipe(z.number().max(LATEST, TIME_FORM)),
    ],
    { error: TIME_FORM },
  )
  .optional();

export const statisticsDataQuerySchema = z
  .object({ from: time, to: time, by: z.enum(['period', 'hour']).default('period') })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
    path: ['to'],
    message: 'must not be before from',
  });
export type StatisticsDataQuery = z.infer<typeof statisticsDataQuerySchema>;

const count = z.int().min(0);

const periodSchema = z.strictObject({
  from: z.iso.datetime().meta({ description: 'The first moment of the period.' }),
  to: z.iso.datetime().meta({ description: 'Its end; of the running period the time of the last count.' }),
  messages: z.strictObject({ total: count, oneToOne: count, closedGroup: count, untracked: count }).meta({
    description:
      'Accepted by notify, by the kind of the recipient; untracked: for ids and groups without a device here.',
  }),
  pushes: z.strictObject({ ios: count, android: count, huawei: count }).meta({
    description:
      'Accepted by the push services. Web Push counts as Android; so does what older versions pushed to Huawei.',
  }),
});

export const statisticsDataSchema = z.strictObject({
  periodHours: z
    .number()
    .positive()
    .meta({ description: 'STATISTICS_PERIOD_HOURS, the length of a new period; by the hour, the length of an hour.' }),
  periods: z.array(periodSchema).meta({ description: 'Oldest first. A period in which no server ran is absent.' }),
});
export type StatisticsData = z.infer<typeof statisticsDataSchema>;
