import { renderTable, type Table } from '../../test/support/report/markdown-table.js';
import { type ScenarioName } from '../options.js';

/** What a scenario has to say: tables, and paragraphs between them. */
export interface Section {
  readonly name: ScenarioName;
  readonly parts: readonly (Table | string)[];
}

/** Markdown; every part stands by itself. */
export function renderSection({ parts }: Section): string {
  return parts.map((part) => (typeof part === 'string' ? part : renderTable(part))).join('\n\n');
}

/** `at most 1.5: met` */
export function judge(measured: number, atMost: number | null, unit = ''): string {
  if (atMost === null) return '';
  return `at most ${atMost.toLocaleString('en')}${unit}: ${measured <= atMost ? 'met' : '**missed**'}`;
}
