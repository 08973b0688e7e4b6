import { type ZodType } from 'zod';
import { membershipSchema } from '../../closed-groups/dto/closed-group-commands.dto.js';
import { type Registration, registerSchema } from '../../devices/dto/device-commands.dto.js';
import { type ImportReport, skip, type TableReport } from './import-report.js';
import { type V1Member, type V1Period, type V1Token } from './v1-file.js';

export interface ImportedDevice extends Registration {
  legacyGroupsOnly: boolean;
}

export type ImportedMember = { groupId: string; sessionId: string };

/** `start_date`, `end_date` (UTC epoch milliseconds) and the six counters, in the order of our table. */
export type ImportedPeriod = [startDate: number, endDate: number, ...counts: number[]];

const COUNTERS = [
  'ios_pn_number',
  'android_pn_number',
  'total_message_number',
  'closed_group_message_number',
  'untracked_message_number',
  'deduplicated_1_1_message_number',
] as const satisfies readonly (keyof V1Period)[];

/**
 * The registrations that the rows of a token, oldest first, come to: one, unless spellings of it are devices of their own.
 *
 * The same rules as for requests hold: an absent device type is ios for a token of 64 characters and android otherwise. The
 * original wrote a token that moved to another id without deleting the former row when it was that id's last; it wrote
 * changed ids at the end of the table, so the last row is the likely owner.
 */
export function devicesOf(
  rows: readonly V1Token[],
  beyondLimit: ReadonlySet<number>,
  report: ImportReport['devices'],
): ImportedDevice[] {
  const devices = new Map<string, ImportedDevice[]>();
  for (const row of rows) {
    const registration = accept(registerSchema, row, report);
    if (!registration) continue;
    if (beyondLimit.has(row.rowid)) skip(report, 'the id has too many devices, only its newest are taken');
    else {
      const device = { ...registration, legacyGroupsOnly: Boolean(row.legacyGroupsOnly) };
      const others = devices.get(device.token);
      if (others) others.push(device);
      else devices.set(device.token, [device]);
    }
  }
  return [...devices.values()].flatMap((some) => newestOf(some, report) ?? []);
}

/** Null: it is on several ids, and none is to be taken then. */
function newestOf(devices: readonly ImportedDevice[], report: ImportReport['devices']): ImportedDevice | null {
  const newest = devices.at(-1);
  if (!newest) return null;
  if (devices.every(({ sessionId }) => sessionId === newest.sessionId)) {
    report.repeated += devices.length - 1;
    return newest;
  }
  report.conflicts.tokens += 1;
  report.conflicts.rows += devices.length;
  return report.conflicts.resolution === 'newest' ? newest : null;
}

export function memberOf(row: V1Member, beyondLimit: ReadonlySet<number>, report: TableReport): ImportedMember | null {
  const member = accept(membershipSchema, row, report);
  if (!member || !beyondLimit.has(row.rowid)) return member;
  skip(report, 'the group has too many members, only its newest are taken');
  return null;
}

/** The original's times are seconds with a fraction; ours are milliseconds. An absent count is 0. */
export function periodOf(row: V1Period, report: TableReport): ImportedPeriod | null {
  const start = toMilliseconds(row.start_date);
  const end = toMilliseconds(row.end_date);
  const counts = COUNTERS.map((counter) => row[counter] ?? 0);
  if (start === null || end === null) skip(report, 'a time is missing or not a number');
  else if (!counts.every(isCount)) skip(report, 'a count is not a whole number');
  else return [start, end, ...counts];
  return null;
}

function accept<T>(schema: ZodType<T>, row: unknown, report: TableReport): T | null {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  skip(report, parsed.error.issues[0]?.message ?? 'not usable');
  return null;
}

function toMilliseconds(seconds: unknown): number | null {
  const time = typeof seconds === 'number' ? Math.round(seconds * 1000) : -1;
  return Number.isSafeInteger(time) && time >= 0 ? time : null;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
