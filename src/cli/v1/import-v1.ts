import { MAX_MEMBERS_PER_GROUP } from '../../closed-groups/closed-groups.service.js';
import { MAX_DEVICES_PER_SESSION_ID } from '../../devices/devices.service.js';
import { emptyReport, type ImportReport, type Resolution } from './import-report.js';
import { type ImportTarget } from './import-target.js';
import { type V1File } from './v1-file.js';
import { deviceOf, type ImportedDevice, type ImportedMember, memberOf, periodOf } from './v1-rows.js';

/** One transaction; small enough that a running server waits less than a second. */
const TRANSACTION_ROWS = 20_000;
/**
 * Rows that are put in order together. They come in the order of the tables' keys; sorted by id, they also reach the index
 * by id in order, whose pages would otherwise be read and written for almost every row once it outgrows the cache.
 */
const SORTED_ROWS = 100_000;

export interface ImportOptions {
  dryRun: boolean;
  onConflict: Resolution;
  /** UTC epoch milliseconds; the registration time of all devices, because the original stored none. */
  now: number;
  onRows: (rows: number) => void;
}

/** Brings the original server's registrations, groups and statistics over. Safe to repeat and to break off. */
export async function importV1(file: V1File, target: ImportTarget, options: ImportOptions): Promise<ImportReport> {
  const report = emptyReport(options.dryRun, options.onConflict);
  await importDevices(file, target, options, report.devices);
  await importMembers(file, target, options, report.members);
  await importStatistics(file, target, report.statistics);
  return report;
}

async function importDevices(
  file: V1File,
  target: ImportTarget,
  { now, onRows }: ImportOptions,
  report: ImportReport['devices'],
): Promise<void> {
  const beyondLimit = file.rowsBeyond(MAX_DEVICES_PER_SESSION_ID, 'tokens');
  const batch = new Batch<ImportedDevice>(report, (devices) => target.addDevices(devices, now));
  for (const rows of file.tokens()) {
    report.rows += rows.length;
    await batch.add(deviceOf(rows, beyondLimit, report));
    onRows(rows.length);
  }
  await batch.write();
}

async function importMembers(
  file: V1File,
  target: ImportTarget,
  { now, onRows }: ImportOptions,
  report: ImportReport['members'],
): Promise<void> {
  const beyondLimit = file.rowsBeyond(MAX_MEMBERS_PER_GROUP, 'members');
  const batch = new Batch<ImportedMember>(report, (members) => target.addMembers(members, now));
  let last: ImportedMember | null = null;
  for (const row of file.members()) {
    report.rows += 1;
    const member = memberOf(row, beyondLimit, report);
    // The rows are sorted, so equal ones are neighbours.
    if (member && last && member.groupId === last.groupId && member.sessionId === last.sessionId) report.repeated += 1;
    else await batch.add(member);
    last = member ?? last;
    onRows(1);
  }
  await batch.write();
}

async function importStatistics(file: V1File, target: ImportTarget, report: ImportReport['statistics']): Promise<void> {
  const periods = [...file.periods()].flatMap((row) => {
    report.rows += 1;
    const period = periodOf(row, report);
    return period ? [period] : [];
  });
  const { imported, updated } = await target.addPeriods(periods);
  report.imported = imported;
  report.updated = updated;
  report.present = periods.length - imported - updated;
}

/** Rows that wait to be written together; what was in the database already is counted as present. */
class Batch<Row extends { sessionId: string }> {
  private waiting: Row[] = [];

  constructor(
    private readonly report: { imported: number; present: number },
    private readonly insert: (rows: readonly Row[]) => Promise<number>,
  ) {}

  async add(row: Row | null): Promise<void> {
    if (row) this.waiting.push(row);
    if (this.waiting.length >= SORTED_ROWS) await this.write();
  }

  async write(): Promise<void> {
    const rows = this.waiting.toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1));
    this.waiting = [];
    for (let start = 0; start < rows.length; start += TRANSACTION_ROWS) {
      const some = rows.slice(start, start + TRANSACTION_ROWS);
      const imported = await this.insert(some);
      this.report.imported += imported;
      this.report.present += some.length - imported;
    }
  }
}
