import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyProject, npm, ROOT } from '../support/project-copy.js';
import { changesIn, filesIn, followExample } from '../support/worked-example.js';

const DEADLINE_MS = 600_000;
/** Beside the specs of the page: those that hold the lists together. */
const LISTS = [
  'src/config',
  'src/devices/dto',
  'src/providers/provider-definitions',
  'test/docs/configuration',
  'test/docs/architecture',
  'test/migrations',
];

const page = readFileSync('docs/extending.md', 'utf8');
const specs = filesIn(page).flatMap(({ path }) => (path.endsWith('spec.ts') ? path : []));
/** What `nest generate` writes, into the example's feature and into a folder of its own. */
const GENERATED = ['module', 'service', 'controller'];
const GENERATED_IN = ['app-versions/opinions', 'tea'];
let folder: string;

/** A run inside this run shares its servers, but not its retries. */
function runSpecs(...paths: readonly string[]): string {
  const servers = { TEST_MYSQL_URL: inject('mysqlUrl') ?? '', TEST_REDIS_URL: inject('redisUrl') ?? '' };
  return npm(folder, ['exec', '--', 'vitest', 'run', ...paths], { ...servers, CI: '' });
}

beforeAll(() => {
  folder = copyProject();
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  followExample(page, folder);
  for (const place of GENERATED_IN) for (const kind of GENERATED) npm(folder, ['run', 'generate', '--', kind, place]);
  // As CONTRIBUTING.md says of a new folder.
  const map = join(folder, 'docs/architecture.md');
  writeFileSync(
    map,
    readFileSync(map, 'utf8').replace(/^\| `common` .*\n/m, (row) => `| \`tea\` | tea |\n${row}`),
  );
  npm(folder, ['exec', '--', 'prettier', '--write', 'docs/architecture.md']);
  npm(folder, ['run', 'docs:configuration']);
}, DEADLINE_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the example of docs/extending.md, with what `nest generate` adds to it', () => {
  it('is all of the page’s code', () => {
    const marks = page.match(/^```(ts|diff)$/gm) ?? [];
    expect(filesIn(page).length + changesIn(page).length).toBe(marks.length);
  });

  it.each([
    ['prettier', '--check', '.'],
    ['tsc', '--noEmit', '-p', 'tsconfig.json'],
    ['tsc', '-p', 'tsconfig.pages.json'],
    ['oxlint', '--type-aware'],
    // As if the packages were in the copy.
    ['depcruise', '--preserve-symlinks', 'src', 'test', 'gateways'],
    ['knip'],
  ])(
    'is good enough for %s',
    (...command) => {
      expect(() => npm(folder, ['exec', '--', ...command])).not.toThrow();
    },
    DEADLINE_MS,
  );

  it(
    'works',
    () => {
      expect(specs).toHaveLength(3);
      expect(runSpecs(...specs, ...GENERATED_IN.map((place) => `src/${place}`), ...LISTS)).toMatch(
        /^tests: [1-9]\d* passed, 0 failed, /m,
      );
    },
    DEADLINE_MS,
  );
});
