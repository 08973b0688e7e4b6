import { z } from 'zod';
import { parseLocalTime } from '../local-time.js';

/** Column names of an answer's rows, as the original server spells them. */
export const NUMBER_COLUMNS = {
  ios_pn_number: 'iosPushes',
  android_pn_number: 'androidPushes',
  total_message_number: 'totalMessages',
  closed_group_message_number: 'closedGroupMessages',
  untracked_message_number: 'untrackedMessages',
  deduplicated_1_1_message_number: 'oneToOneMessages',
} as const;
export type NumberColumn = keyof typeof NUMBER_COLUMNS;

const DATE_FORM = 'must be YYYY-MM-DD or YYYY-MM-DD HH:MM:SS';

const localTime = z
  .string({ error: DATE_FORM })
  .transform((text, context) => {
    const time = parseLocalTime(text);
    if (time === null) context.addIssue({ code: 'custom', message: DATE_FORM });
    return time ?? undefined;
  })
  .nullish();

/** False or 0 leaves the column out. */
const columnFlag = z
  .union([z.boolean(), z.number()], { error: 'must be true or false, 1 or 0' })
  .transform(Boolean)
  .default(true);

const columnFlags = Object.fromEntries(Object.keys(NUMBER_COLUMNS).map((column) => [column, columnFlag])) as Record<
  NumberColumn,
  typeof columnFlag
>;

export const statisticsQuerySchema = z.object(
  { start_date: localTime, end_date: localTime, ...columnFlags },
  { error: 'the body must be a JSON object' },
);
export type StatisticsQuery = z.infer<typeof statisticsQuerySchema>;
