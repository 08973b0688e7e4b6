import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyProject, npm, ROOT } from '../support/project-copy.js';
import { changesIn, filesIn, followExample } from '../support/worked-example.js';

const DEADLINE_MS = 600_000;
/** Some minutes on two cores of one's own; here another worker has one of them. */
const UNIT_SPECS_DEADLINE_MS = 1_200_000;
const page = readFileSync('docs/extending.md', 'utf8');
const specs = filesIn(page).flatMap(({ path }) => (path.endsWith('spec.ts') ? path : []));
const isEndToEnd = (path: string) => path.endsWith('e2e-spec.ts');
/** What `nest generate` writes, into the example's feature and into a folder of its own. */
const GENERATED = ['module', 'service', 'controller'];
const GENERATED_IN = ['app-versions/opinions', 'tea'];
let folder: string;

/** A run inside this run shares its servers. */
function runSpecs(...paths: readonly string[]): string {
  const servers = { TEST_MYSQL_URL: inject('mysqlUrl') ?? '', TEST_REDIS_URL: inject('redisUrl') ?? '' };
  return npm(folder, ['exec', '--', 'vitest', 'run', ...paths], servers);
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
    'passes every unit spec, its own and the project’s',
    () => {
      const tested = runSpecs('--project', 'unit');
      expect(tested.match(/^failed: .*/gm) ?? []).toEqual([]);
      expect(tested).toMatch(/^tests: [1-9]\d{3} passed, 0 failed, /m);
      const own = [...specs.filter((path) => !isEndToEnd(path)), ...GENERATED_IN.map((place) => `src/${place}`)];
      expect(own.filter((path) => !tested.includes(path))).toEqual([]);
    },
    UNIT_SPECS_DEADLINE_MS,
  );

  it(
    'works from end to end, with its migration',
    () => {
      expect(specs).toHaveLength(3);
      expect(runSpecs('--project', 'e2e', ...specs.filter(isEndToEnd), 'test/migrations')).toMatch(
        /^tests: [1-9]\d* passed, 0 failed, /m,
      );
    },
    DEADLINE_MS,
  );
});
