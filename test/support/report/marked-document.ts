import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const DOCS = join(import.meta.dirname, '../../../docs');

/**
 * Puts results into a page of the documentation, in place of those of an earlier run.
 *
 * @param page `performance.md`
 * @param mark of `<!-- mark -->` before the place and `<!-- /mark -->` behind it
 */
export async function writeBetweenMarks(page: string, mark: string, markdown: string): Promise<void> {
  const file = join(DOCS, page);
  const replaced = replaceBetweenMarks(readFileSync(file, 'utf8'), page, mark, markdown);
  writeFileSync(file, await format(replaced, { ...(await resolveConfig(file)), parser: 'markdown' }));
}

/** What an earlier run left there. */
export function readBetweenMarks(page: string, mark: string): string {
  const text = readFileSync(join(DOCS, page), 'utf8');
  const { from, to } = placeBetweenMarks(text, page, mark);
  return text.slice(from, to);
}

function replaceBetweenMarks(text: string, page: string, mark: string, content: string): string {
  const { from, to } = placeBetweenMarks(text, page, mark);
  return `${text.slice(0, from)}\n\n${content}\n\n${text.slice(to)}`;
}

function placeBetweenMarks(text: string, page: string, mark: string): { from: number; to: number } {
  const begin = `<!-- ${mark} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(`<!-- /${mark} -->`);
  if (from < 0 || to < from) throw new Error(`docs/${page} has no place for the results of ${mark}`);
  return { from: from + begin.length, to };
}
