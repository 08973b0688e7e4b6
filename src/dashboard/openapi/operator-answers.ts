import { z } from 'zod';
import { type StatisticsAnswer } from '../../statistics/statistics.controller.js';

const count = z.int().min(0);
const localTime = z.string().meta({ description: "YYYY-MM-DD HH:MM:SS in the server's time zone" });

/** The original server's form of the statistics. */
export const legacyStatisticsSchema = z.strictObject({
  code: z.literal(0),
  data: z.strictObject({
    ios_device_number: count,
    android_device_number: count.meta({ description: 'Huawei devices included.' }),
    total_session_id_number: count,
    data: z.array(
      z.strictObject({
        start_date: localTime,
        end_date: localTime,
        ios_pn_number: count.optional(),
        android_pn_number: count.optional(),
        total_message_number: count.optional(),
        closed_group_message_number: count.optional(),
        untracked_message_number: count.optional(),
        deduplicated_1_1_message_number: count.optional(),
      }),
    ),
  }),
}) satisfies z.ZodType<StatisticsAnswer>;

export const terseHealthSchema = z.strictObject({ status: z.enum(['ok', 'error']) });

export const versionSchema = z.strictObject({ version: z.string(), node: z.string() });

export const refusalSchema = z.object({
  statusCode: z.int(),
  message: z.union([z.string(), z.array(z.string())]),
  error: z.string().optional(),
});
