import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';

interface Diagram {
  readonly arrows: readonly { readonly from: string; readonly to: string }[];
  readonly foundation: readonly string[];
}

const { readDiagram } = createRequire(import.meta.url)('../../scripts/architecture-diagram.cjs') as {
  readDiagram: () => Diagram;
};
const { arrows, foundation } = readDiagram();
const drawn = arrows.map(({ from, to }) => `${from} --> ${to}`);
const page = readFileSync('docs/architecture.md', 'utf8');
const folders = readdirSync('src', { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));

/** The imports between folders of src, without those that need no arrow: to the foundation from outside. */
async function importsBetweenFolders(): Promise<string[]> {
  const { output } = await cruise(['src'], {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.spec\\.ts$' },
    includeOnly: { path: '^src/' },
    tsPreCompilationDeps: true,
  });
  const imports = (output as ICruiseResult).modules.flatMap(({ source, dependencies }) =>
    dependencies.map(({ resolved }) => ({ from: folderOf(source), to: folderOf(resolved) })),
  );
  const between = imports.filter(
    ({ from, to }) => from && to && from !== to && (foundation.includes(from) || !foundation.includes(to)),
  );
  return [...new Set(between.map(({ from, to }) => `${from} --> ${to}`))];
}

/** The share of the lines of src that a folder has. */
function sharesOfLines(files: readonly string[]): Map<string, number> {
  const lines = files.map((file) => ({ folder: folderOf(file), count: readFileSync(file, 'utf8').split('\n').length }));
  const all = lines.reduce((sum, { count }) => sum + count, 0);
  const shares = new Map<string, number>();
  for (const { folder = '.', count } of lines) shares.set(folder, (shares.get(folder) ?? 0) + count / all);
  return shares;
}

/** undefined = directly in src. */
const folderOf = (file: string) => /^src\/([^/]+)\//.exec(file)?.[1];

describe('docs/architecture.md', () => {
  let imports: string[];
  beforeAll(async () => {
    imports = await importsBetweenFolders();
  }, 120_000);

  it('draws each arrow once', () => {
    expect(drawn).toEqual([...new Set(drawn)]);
  });

  it('draws the imports that there are, and no other', () => {
    expect(drawn.toSorted()).toEqual(imports.toSorted());
  });

  it.each([
    ['with', []],
    ['without', ['**/*.spec.ts']],
  ])('no folder has more than a fifth of the lines of src, %s specs', (_with, exclude) => {
    const shares = sharesOfLines(globSync('src/**/*.ts', { exclude }));
    expect(shares.size).toBeGreaterThan(folders.length);
    expect([...shares].filter(([, share]) => share > 0.2)).toEqual([]);
  });

  it('names classes and types that there are', () => {
    const code = globSync('src/**/*.ts')
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const named = [...page.matchAll(/`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !new RegExp(`(class|interface|type) ${name}\\b`).test(code))).toEqual([]);
  });

  it('says of each folder what it does', () => {
    const rows = [...page.matchAll(/^\| `([a-z-]+)` /gm)].map(([, folder = '']) => folder);
    expect(rows.toSorted()).toEqual(folders.toSorted());
  });
});
