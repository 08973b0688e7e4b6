import { type Table } from '../../test/support/report/markdown-table.js';
import { type Spread } from '../measure/spread.js';
import { type Section } from './section.js';

/** Figures of which less is better, and which are worth a word: speeds tell as much about the load generator. */
const COSTS = /CPU|ratio|memory MB|start to listening|p50/;
/** Differences below that mean nothing. */
const NOTEWORTHY = 1.15;

interface Figure {
  /** Where it stands: the paragraph before its table, its row and its column. */
  readonly name: string;
  readonly spread: Spread;
}

/**
 * What costs more than the page says, by more than the spread of either run.
 *
 * @param written the Markdown of an earlier run, as {@link renderSection} makes it and prettier leaves it
 */
export function worseFigures(written: string, { parts }: Pick<Section, 'parts'>): string[] {
  const earlier = new Map(figuresOf(tablesIn(written)).map(({ name, spread }) => [name, spread]));
  return figuresOf(named(parts)).flatMap(({ name, spread }) => {
    const before = earlier.get(name);
    return before && isWorse(before, spread) ? [`${name}: ${spread.median}, and ${before.median} is written`] : [];
  });
}

function isWorse(before: Spread, now: Spread): boolean {
  const difference = now.median - before.median;
  return (
    now.median > before.median * NOTEWORTHY && difference > before.max - before.min && difference > now.max - now.min
  );
}

interface NamedTable extends Table {
  readonly name: string;
}

function named(parts: Section['parts']): NamedTable[] {
  let name = '';
  return parts.flatMap((part) => {
    if (typeof part !== 'string') return [{ ...part, name }];
    name = withoutVersions(part);
    return [];
  });
}

function tablesIn(markdown: string): NamedTable[] {
  const parts = markdown.split(/\n{2,}/).map((block): Table | string => {
    if (!block.startsWith('|')) return block.replaceAll('\n', ' ').trim();
    const [columns = [], , ...rows] = block.trim().split('\n').map(cellsOf);
    return { columns, rows };
  });
  return named(parts);
}

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

function figuresOf(tables: readonly NamedTable[]): Figure[] {
  return tables.flatMap(({ name, columns, rows }) =>
    rows.flatMap((row) =>
      columns.flatMap((column, index) => {
        const spread = COSTS.test(column) && index > 0 ? readSpread(row[index] ?? '') : null;
        const place = [name, withoutVersions(row[0] ?? ''), column].filter((part) => part !== '').join(', ');
        return spread ? [{ name: place, spread }] : [];
      }),
    ),
  );
}

/** `1,234.5 (1,200-1,300)`; null = no figure. */
function readSpread(cell: string): Spread | null {
  const [, median, min, max] = /^([\d,.]+)(?: \(([\d,.]+)-([\d,.]+)\))?$/.exec(cell) ?? [];
  if (median === undefined) return null;
  return { median: toNumber(median), min: toNumber(min ?? median), max: toNumber(max ?? median) };
}

const toNumber = (text: string): number => Number(text.replaceAll(',', ''));

/** A row and a paragraph keep their place when a database is updated. */
const withoutVersions = (text: string): string => text.replace(/ \d+(\.\d+)+/g, '').replace(/:$/, '');
