import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { type ScenarioName } from '../options.js';

const FILE = join(import.meta.dirname, '../../docs/performance.md');

/** Puts a scenario's results into docs/performance.md, in place of those of an earlier run. */
export async function writeResults(name: ScenarioName, markdown: string): Promise<void> {
  const replaced = replaceBetweenMarks(readFileSync(FILE, 'utf8'), name, markdown);
  writeFileSync(FILE, await format(replaced, { ...(await resolveConfig(FILE)), parser: 'markdown' }));
}

/** The text between `<!-- bench:name -->` and `<!-- /bench:name -->` becomes another. */
function replaceBetweenMarks(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no place for the results of ${name}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
