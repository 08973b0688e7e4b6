import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from 'vitest';

const sources = globSync('src/**/*.ts', { exclude: ['**/*.spec.ts'] })
  .toSorted()
  .map((file) => ({ file, code: readFileSync(file, 'utf8') }));

/** The files of src, without its specs, in which something is written. */
const filesWith = (written: RegExp) => sources.filter(({ code }) => written.test(code)).map(({ file }) => file);

it.each([
  ['a minute, an hour and a day', /const (MINUTE|HOUR|DAY)_MS\b/, 'src/config/durations.ts'],
  ['cutting a list into pieces', /function inPieces\b/, 'src/common/bounds/in-pieces.ts'],
  ['reading a JSON object', /(function|const) (isJsonObject|parseJsonObject)\b/, 'src/encoding/json.ts'],
])('%s stands once', (_what, written, file) => {
  expect(filesWith(written)).toEqual([file]);
});

it('the processes of an instance send each other messages through the bus alone', () => {
  // The copy of the database is made by a process that talks to its parent only.
  const ends = ['src/cluster/bus.ts', 'src/database/backups/copy.process.ts'];
  expect(filesWith(/process\.send\b|process\.(on|off)\('message'/)).toEqual(ends);
  expect(filesWith(/from 'node:cluster'[^]*\.(on|once|off)\('message'/)).toEqual(['src/cluster/bus.ts']);
});

it('no two files have the same name, but for the two programs', () => {
  const names = Map.groupBy(sources, ({ file }) => basename(file));
  expect([...names].filter(([, files]) => files.length > 1).map(([name]) => name)).toEqual(['main.ts']);
});

it('only Sealing makes the types of what is stored', () => {
  expect(filesWith(/\bas (StoredId|StoredToken|StoredAccount)\b/)).toEqual(['src/sealing/sealing.ts']);
});
