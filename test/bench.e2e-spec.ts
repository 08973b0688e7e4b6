import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { findPostgres } from './support/private-postgres.js';

const BENCH = join(import.meta.dirname, '../bench');
const SMALL = [
  '--quick',
  '--database',
  'sqlite',
  '--requests',
  '64',
  '--rounds',
  '1',
  '--warmup',
  '64',
  '--seconds',
  '1',
];

const run = async (program: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, ['--import', 'tsx', join(BENCH, program), ...args])).stdout;

it('the benchmark measures accepting and delivering, and names the machine', async () => {
  const stdout = await run('run.ts', '--only', 'accept,delivery', ...SMALL);
  expect(stdout).toMatch(/^## accept\n\n.*Node\.js \d+.*\n\nSQLite .*:\n\n\| request /m);
  expect(stdout).toMatch(/^\| notify, v4 XChaCha20 .*\d/m);
  expect(stdout).toMatch(/^## delivery\n[^]*\| answer to gateway: p50 ms[^]*\| SQLite /m);
}, 240_000);

it('the benchmark measures what watching the storage network costs', async () => {
  const stdout = await run('run.ts', '--only', 'watching', ...SMALL, '--subscriptions', '400', '--swarms', '2');
  expect(stdout).toMatch(
    /^## watching\n\n.*Node\.js \d+[^]*^12 storage nodes in 2 swarms:\n\n\| subscriptions \| accounts /m,
  );
  expect(stdout).toMatch(/^\| 400 \| 360 \| \d/m);
  expect(stdout).toMatch(/^\| messages\/s \| CPU µs .*\n\|[ -|]*\n\| \d+ \| [\d,]+ \| \d+ \| \d/m);
  expect(stdout).toMatch(/^A new subscription, .*: [\d,]+ µs of CPU\.$/m);
}, 300_000);

it.skipIf(findPostgres() === null)(
  'the benchmark of the import makes a database, imports it and names the machine',
  async () => {
    const stdout = await run('import/run.ts', '--rows', '400', '--database', 'sqlite');
    expect(stdout).toMatch(/Node\.js \d+/);
    expect(stdout).toMatch(/^\| SQLite .*\d/im);
  },
  240_000,
);
