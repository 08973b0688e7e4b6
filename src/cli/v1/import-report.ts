export type Resolution = 'newest' | 'skip';

/** What became of the rows of one table. Reasons are fixed texts; no row is quoted. */
export interface TableReport {
  rows: number;
  imported: number;
  /** In our database already, which keeps what it has. */
  present: number;
  /** The same row again in the file. */
  repeated: number;
  skipped: Record<string, number>;
}

export interface ImportReport {
  dryRun: boolean;
  devices: TableReport & { conflicts: { tokens: number; rows: number; resolution: Resolution } };
  members: TableReport;
  statistics: TableReport & { updated: number };
}

export function emptyReport(dryRun: boolean, resolution: Resolution): ImportReport {
  const table = (): TableReport => ({ rows: 0, imported: 0, present: 0, repeated: 0, skipped: {} });
  return {
    dryRun,
    devices: { ...table(), conflicts: { tokens: 0, rows: 0, resolution } },
    members: table(),
    statistics: { ...table(), updated: 0 },
  };
}

export function skip(report: TableReport, reason: string, rows = 1): void {
  report.skipped[reason] = (report.skipped[reason] ?? 0) + rows;
}
