import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Block {
  readonly path: string;
  readonly text: string;
}

/** The `ts` blocks of a page that begin with `// path`: whole files. */
export function filesIn(markdown: string): Block[] {
  return blocks(markdown, /^```ts\n\/\/ (\S+)\n([^]*?)^```$/gm);
}

/** The `diff` blocks of a page, which begin with `--- path`; `@@` stands between places of one file. */
export function changesIn(markdown: string): Block[] {
  return blocks(markdown, /^```diff\n--- (\S+)\n([^]*?)^```$/gm);
}

/** Does in a copy of the project what the page tells a developer to do. */
export function followExample(markdown: string, folder: string): void {
  for (const { path, text } of filesIn(markdown)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { flag: 'wx' });
  }
  for (const { path, text } of changesIn(markdown)) {
    const before = readFileSync(join(folder, path), 'utf8');
    writeFileSync(join(folder, path), text.split('@@\n').reduce(applyTo(path), before));
  }
}

const applyTo = (path: string) => (content: string, hunk: string) => {
  const lines = hunk.split('\n').slice(0, -1);
  const side = (marks: string) => lines.flatMap((line) => (marks.includes(line.charAt(0)) ? `${line.slice(1)}\n` : []));
  const [before, after] = [side(' -').join(''), side(' +').join('')];
  const places = `\n${content}`.split(`\n${before}`).length - 1;
  if (places !== 1) throw new Error(`The page changes what is ${places} times in ${path}:\n${before}`);
  // A function, so that no `$` of the text is taken for a pattern.
  return `\n${content}`.replace(`\n${before}`, () => `\n${after}`).slice(1);
};

function blocks(markdown: string, pattern: RegExp): Block[] {
  return [...markdown.matchAll(pattern)].map(([, path = '', text = '']) => ({ path, text }));
}
