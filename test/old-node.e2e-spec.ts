import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyProject, npm, npmSpeaks, ROOT } from './support/project-copy.js';

const DEADLINE_MS = 600_000;

/** What Debian 12 and Ubuntu 24.04 give to somebody who types `apt install npm`. */
const OLD = ['node@18.20.8', 'npm@9.2.0'];

let folder: string;
let tools: string;
let oldPath: Record<string, string>;
let warnings: string;

beforeAll(() => {
  folder = copyProject();
  tools = mkdtempSync(join(tmpdir(), 'spns-old-node-'));
  npm(tools, ['install', '--prefix', tools, '--no-audit', '--no-fund', ...OLD]);
  oldPath = { PATH: `${join(tools, 'node_modules/.bin')}:${process.env.PATH}` };
  warnings = npmSpeaks(folder, ['ci', '--no-audit', '--no-fund'], oldPath).stderr;
}, DEADLINE_MS);

afterAll(() => {
  for (const made of [folder, tools]) if (made) rmSync(made, { recursive: true, force: true });
}, DEADLINE_MS);

/** The packages that npm installed. */
function treeOf(project: string): Record<string, { os?: string[] }> {
  const installed = readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8');
  return (JSON.parse(installed) as { packages: ReturnType<typeof treeOf> }).packages;
}

describe('a machine with an old Node.js', () => {
  it('has it in front', () => {
    expect(npm(tools, ['exec', '--', 'node', '--version'], oldPath).trim()).toBe('v18.20.8');
    expect(npm(tools, ['--version'], oldPath).trim()).toBe('9.2.0');
  });

  it('gets the tree that others get: every binary for it, and more only of what nothing uses', () => {
    const ours = Object.keys(treeOf(ROOT));
    const theirs = treeOf(folder);
    const added = Object.keys(theirs).filter((path) => !ours.includes(path));
    expect(Object.keys(theirs)).toEqual(expect.arrayContaining(ours));
    // npm 9 does not know `libc` yet, and leaves in what a package for WebAssembly would need.
    const notForMusl = added.filter((path) => !path.endsWith('-musl'));
    expect(notForMusl.filter((path) => path !== 'node_modules/@tybys/wasm-util')).toEqual([]);
    const made = Object.entries(theirs).filter(([, { os }]) => os !== undefined);
    expect(made.length).toBeGreaterThan(3);
    expect(made.map(([path]) => path).filter((path) => !existsSync(join(folder, path)))).toEqual([]);
  });

  it('is warned about the Node.js that it has, once, and about no package', () => {
    const about = warnings.split('\n').filter((line) => line.includes('package:'));
    expect(about).toHaveLength(1);
    expect(about[0]).toContain('session-push-notification-server');
    expect(warnings.trim().split('\n').length).toBeLessThanOrEqual(5);
  });

  it('is told what to do when install scripts are switched off, before anything is built', () => {
    // What `npm ci --ignore-scripts` leaves out, and so nothing is in front of what the machine has.
    const brought = ['node_modules/node/bin', 'node_modules/.bin/node'].map((path) => join(folder, path));
    for (const path of brought) renameSync(path, `${path}.aside`);
    const { status, stderr } = spawnSync(join(tools, 'node_modules/.bin/node'), ['scripts/build-when-needed.mjs'], {
      cwd: folder,
      encoding: 'utf8',
    });
    for (const path of brought) renameSync(`${path}.aside`, path);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(
        /^This is Node\.js 18\.20\.8, which is too old\..*npm ci --ignore-scripts=false\n$/,
      ),
    });
  });

  it(
    'runs the tests, builds, and starts on the Node.js that the project brings along',
    () => {
      expect(npm(folder, ['run', 'test:unit', '--', 'src/common/bounds/concurrency-limit.spec.ts'], oldPath)).toContain(
        '0 failed',
      );
      rmSync(join(folder, 'dist'), { recursive: true, force: true });
      expect(npm(folder, ['run', '-s', 'cli', '--', '--help'], oldPath)).toContain('Usage:');
      expect(npm(folder, ['exec', '--', 'oxlint', '--version'], oldPath)).toContain('Version');
    },
    DEADLINE_MS,
  );
});
