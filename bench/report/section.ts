import { type ScenarioName } from '../options.js';

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a scenario has to say: tables, and paragraphs between them. */
export interface Section {
  readonly name: ScenarioName;
  readonly parts: readonly (Table | string)[];
}

/** Markdown; every part stands by itself. */
export function renderSection({ parts }: Section): string {
  return parts.map((part) => (typeof part === 'string' ? part : renderTable(part))).join('\n\n');
}

function renderTable({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

/** `at most 1.5: met` */
export function judge(measured: number, atMost: number | null, unit = ''): string {
  if (atMost === null) return '';
  return `at most ${atMost.toLocaleString('en')}${unit}: ${measured <= atMost ? 'met' : '**missed**'}`;
}
