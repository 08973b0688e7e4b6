import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const RUN = join(import.meta.dirname, '../bench/run.ts');
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

it('the benchmark measures accepting and delivering, and names the machine', async () => {
  const args = ['--import', 'tsx', RUN, '--only', 'accept,delivery', ...SMALL];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toMatch(/^## accept\n\n.*Node\.js \d+.*\n\nSQLite .*:\n\n\| request /m);
  expect(stdout).toMatch(/^\| notify, v4 XChaCha20 .*\d/m);
  expect(stdout).toMatch(/^## delivery\n[^]*\| answer to gateway: p50 ms[^]*\| SQLite /m);
}, 240_000);
