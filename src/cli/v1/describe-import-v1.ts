import { formatCount } from '../output.js';
import { type ImportReport, type TableReport } from './import-report.js';

const CHOICES = {
  newest: 'the newest row of each was taken',
  skip: 'none of them was taken',
} as const;

/** The report for people. Counts only: no id and no token of the file. */
export function describeImport({ dryRun, devices, members, statistics }: ImportReport): string {
  const { tokens, rows, resolution } = devices.conflicts;
  const conflicts =
    tokens === 0
      ? []
      : [
          line(tokens, `tokens on two or more ids (${formatCount(rows)} rows): ${CHOICES[resolution]}`),
          line('', `(--on-conflict ${resolution}; the help tells why)`),
        ];
  return [
    ...describeTable('Devices', devices, dryRun),
    ...conflicts,
    ...describeTable('Closed group members', members, dryRun),
    ...describeTable('Statistics', statistics, dryRun),
    ...optional(statistics.updated, 'brought up to date'),
    ...(dryRun ? ['Dry run: nothing was kept.'] : []),
  ].join('\n');
}

function describeTable(title: string, report: TableReport, dryRun: boolean): string[] {
  return [
    `${title}: ${formatCount(report.rows)} rows`,
    line(report.imported, dryRun ? 'would be imported' : 'imported'),
    ...optional(report.present, 'already there, kept as they are'),
    ...optional(report.repeated, 'repeated in the file'),
    ...Object.entries(report.skipped).map(([reason, count]) => line(count, `skipped: ${reason}`)),
  ];
}

function optional(count: number, text: string): string[] {
  return count === 0 ? [] : [line(count, text)];
}

function line(count: number | '', text: string): string {
  return `${(count === '' ? '' : formatCount(count)).padStart(13)} ${text}`;
}
