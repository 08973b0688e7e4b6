import { ConcurrencyLimit } from '../../common/bounds/concurrency-limit.js';
import { inPieces } from '../../common/bounds/in-pieces.js';
import { MAX_MEMBERS_PER_GROUP } from '../../closed-groups/closed-groups.service.js';
import { MAX_DEVICES_PER_SESSION_ID } from '../../devices/devices.service.js';
import { sealMembership, type StoredMembership } from '../../closed-groups/seal-membership.js';
import { type Sealed, sealRegistration } from '../../devices/seal-registration.js';
import { type Sealing } from '../../sealing/sealing.js';
import { emptyReport, type ImportReport, type Resolution } from './import-report.js';
import { type ImportTarget } from './import-target.js';
import { type V1File } from './v1-file.js';
import { devicesOf, type ImportedDevice, type ImportedMember, memberOf, periodOf } from './v1-rows.js';

/** One transaction; small enough that a running server waits less than a second. */
const TRANSACTION_ROWS = 20_000;
/** Rows that are put in order and written together. */
const BATCH_ROWS = 100_000;

export interface ImportOptions {
  dryRun: boolean;
  onConflict: Resolution;
  /** UTC epoch milliseconds; the registration time of all devices, because the original stored none. */
  now: number;
  sealing: Sealing;
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
  { now, sealing, onRows }: ImportOptions,
  report: ImportReport['devices'],
): Promise<void> {
  const beyondLimit = file.rowsBeyond(MAX_DEVICES_PER_SESSION_ID, 'tokens');
  const insert = (devices: readonly Sealed<ImportedDevice>[]) => target.addDevices(devices, now);
  const batch = new Batch(report, target.transactionsAtOnce, insert, byId);
  for (const rows of file.tokens()) {
    report.rows += rows.length;
    for (const device of devicesOf(rows, beyondLimit, report)) await batch.add(sealRegistration(sealing, device));
    onRows(rows.length);
  }
  await batch.write();
}

async function importMembers(
  file: V1File,
  target: ImportTarget,
  { now, sealing, onRows }: ImportOptions,
  report: ImportReport['members'],
): Promise<void> {
  const beyondLimit = file.rowsBeyond(MAX_MEMBERS_PER_GROUP, 'members');
  const insert = (members: readonly StoredMembership[]) => target.addMembers(members, now);
  const batch = new Batch(report, target.transactionsAtOnce, insert);
  let last: ImportedMember | null = null;
  for (const row of file.members()) {
    report.rows += 1;
    const member = memberOf(row, beyondLimit, report);
    // The rows are sorted, so equal ones are neighbours.
    if (member && last && member.groupId === last.groupId && member.sessionId === last.sessionId) report.repeated += 1;
    else await batch.add(member && sealMembership(sealing, member));
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

/**
 * Devices come in the order of the table's key. Sorted by id, each transaction also reaches the index by id in order, whose
 * pages would otherwise be read and written for almost every row once it outgrows the cache.
 */
function byId(a: Sealed, b: Sealed): number {
  return a.sessionId < b.sessionId ? -1 : 1;
}

/** Rows that wait to be written together; what was in the database already is counted as present. */
class Batch<Row> {
  private waiting: Row[] = [];

  constructor(
    private readonly report: { imported: number; present: number },
    private readonly transactionsAtOnce: number,
    private readonly insert: (rows: readonly Row[]) => Promise<number>,
    private readonly order?: (a: Row, b: Row) => number,
  ) {}

  async add(row: Row | null): Promise<void> {
    if (row) this.waiting.push(row);
    if (this.waiting.length >= BATCH_ROWS) await this.write();
  }

  async write(): Promise<void> {
    const rows = this.order ? this.waiting.toSorted(this.order) : this.waiting;
    this.waiting = [];
    const limit = new ConcurrencyLimit(this.transactionsAtOnce);
    await Promise.all(inPieces(rows, TRANSACTION_ROWS).map((some) => limit.run(() => this.writePiece(some))));
  }
  private async writePiece(rows: readonly Row[]): Promise<void> {
    const imported = await this.insert(rows);
    this.report.imported += imported;
    this.report.present += rows.length - imported;
  }
}
