import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const PAGES = globSync(['*.md', 'docs/**/*.md']);

/** Code is not prose: nothing in it is a link or a heading. */
const proseOf = (page: string): string =>
  readFileSync(page, 'utf8')
    .replaceAll(/^( *)(`{3,})[^]*?^\1\2$/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]#]/g, ''));

/** As GitHub makes them: lower case, words joined by dashes, no punctuation. */
const anchorsOf = (page: string): Set<string> =>
  new Set(
    [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/\]\([^)]*\)/g, '')
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

const linksOf = (page: string): string[] =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target).filter((to) => !/^https?:/.test(to));

/** What is wrong with a link; nothing = it leads somewhere. */
function problemOf(page: string, link: string): string[] {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? page : normalize(join(dirname(page), file));
  if (!existsSync(target)) return [`${link}: no such file`];
  return anchor !== undefined && !anchorsOf(target).has(anchor) ? [`${link}: no such heading`] : [];
}

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
/** Whose files are those that its reader is about to make. */
const WITH_NEW_FILES = new Set(['docs/extending.md']);

describe.each(PAGES)('%s', (page) => {
  it('names scripts that exist', () => {
    const named = [...readFileSync(page, 'utf8').matchAll(/npm run (?:-s )?([a-z][a-z:-]*[a-z])/g)].map(
      ([, name = '']) => name,
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('names files that exist', () => {
    const text = WITH_NEW_FILES.has(page) ? '' : readFileSync(page, 'utf8');
    const named = [...text.matchAll(/`((?:src|test|docs|ops|gateways|bench)\/[\w./-]+)`/g)].map(
      ([, file = '']) => file,
    );
    expect(named.filter((file) => globSync(`${file}*`).length === 0)).toEqual([]);
  });

  it('links to files and headings that exist', () => {
    expect(linksOf(page).flatMap((link) => problemOf(page, link))).toEqual([]);
  });
});

it('the front page leads to every page of docs', () => {
  const linked = new Set(linksOf('README.md').map((link) => link.split('#')[0]));
  expect(globSync('docs/*.md').filter((page) => !linked.has(page))).toEqual([]);
});
