import { formatCount } from '../output.js';
import { type ImportV2Report } from './import-v2.js';

/** The report for people. Counts only: no account and no token. */
export function describeImport({ dryRun, rows, imported, updated, present, skipped }: ImportV2Report): string {
  return [
    `Subscriptions: ${formatCount(rows)} rows`,
    line(imported, dryRun ? 'would be imported' : 'imported'),
    ...(updated === 0 ? [] : [line(updated, `newer than ours, ${dryRun ? 'would be ' : ''}brought up to date`)]),
    ...(present === 0 ? [] : [line(present, 'already there or unsubscribed here, and left as they are')]),
    ...Object.entries(skipped).map(([reason, count]) => line(count, `skipped: ${reason}`)),
    ...(dryRun ? ['Dry run: nothing was kept.'] : []),
  ].join('\n');
}

const line = (count: number, text: string): string => `${formatCount(count).padStart(13)} ${text}`;
