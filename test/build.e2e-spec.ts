import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeVersionProblem } from '../src/common/start/node-version.js';

const PROJECT = resolve(import.meta.dirname, '..');
const SCRIPT = 'scripts/build-when-needed.mjs';

interface Run {
  code: number | null;
  stderr: string;
}

/** A project with the compiler of this one and a source that is compiled in no time. */
describe('npm start builds', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spns-build-'));
    for (const file of ['package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts']) {
      cpSync(join(PROJECT, file), join(folder, file), { recursive: true });
    }
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/main.ts'), 'export const main = 1;\n');
    mkdirSync(join(folder, 'node_modules'));
    for (const name of readdirSync(join(PROJECT, 'node_modules'))) {
      if (name !== '.build-lock') symlinkSync(join(PROJECT, 'node_modules', name), join(folder, 'node_modules', name));
    }
  });
  afterEach(() => {
    chmodSync(join(folder, 'node_modules'), 0o755);
    rmSync(folder, { recursive: true, force: true });
  });

  async function run(user: { uid?: number; gid?: number } = {}, ...args: string[]): Promise<Run> {
    const child = spawn(process.execPath, [SCRIPT, ...args], {
      ...user,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'exit');
    const stderr = await text(child.stderr);
    const [code] = (await ended) as [number | null];
    return { code, stderr };
  }

  it('once, when two are started at the same time', async () => {
    const runs = await Promise.all([run(), run()]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect(runs.filter(({ stderr }) => stderr.includes('Building'))).toHaveLength(1);
    expect(runs.filter(({ stderr }) => stderr.includes('Another build is under way'))).toHaveLength(1);
    expect(existsSync(join(folder, 'dist/main.js'))).toBe(true);
    expect(existsSync(join(folder, 'node_modules/.build-lock'))).toBe(false);
    expect(await run()).toEqual({ code: 0, stderr: '' });
  });

  it('anew when it is told to, as `npm run build` is, and one after the other', async () => {
    expect((await run()).code).toBe(0);
    const runs = await Promise.all([run({}, '--force'), run({}, '--force')]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect(runs.map(({ stderr }) => stderr.includes('Building'))).toEqual([true, true]);
    expect(runs.filter(({ stderr }) => stderr.includes('Another build is under way'))).toHaveLength(1);
    expect(readFileSync(join(PROJECT, 'package.json'), 'utf8')).toContain(`"build": "node ${SCRIPT} --force"`);
  });

  it('in spite of a build that was killed', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    writeFileSync(join(folder, 'node_modules/.build-lock'), String(pid));
    expect(await run()).toMatchObject({ code: 0, stderr: expect.stringContaining('Building') });
  });

  it('nothing that does not compile', async () => {
    writeFileSync(join(folder, 'src/main.ts'), 'export const main: string = 1;\n');
    expect((await run()).code).toBe(1);
    expect(existsSync(join(folder, 'dist/main.js'))).toBe(false);
    expect(existsSync(join(folder, 'node_modules/.build-lock'))).toBe(false);
  });

  it('nothing where this user may not write, and says where', async () => {
    // Root may write everywhere.
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    rmSync(join(folder, 'node_modules'), { recursive: true });
    mkdirSync(join(folder, 'node_modules/@nestjs/cli/bin'), { recursive: true });
    writeFileSync(join(folder, 'node_modules/@nestjs/cli/bin/nest.js'), '');
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'node_modules'), 0o555);
    const { code, stderr } = await run(nobody);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `dist/ is missing or older than its sources, and cannot be made in ${folder} (EACCES): ` +
        'build where this user may write, and bring dist/ along.\n',
    );
  });

  it('with the Node.js that the server takes, and no other', () => {
    const isSupported = (version: string): boolean =>
      spawnSync(process.execPath, [
        '--input-type=module',
        '-e',
        `import { isSupportedNode } from '${PROJECT}/scripts/supported-node.mjs'; process.exit(isSupportedNode('${version}') ? 0 : 1)`,
      ]).status === 0;
    for (const version of [
      '18.20.8',
      '20.19.0',
      '22.15.9',
      '22.16.0',
      '22.23.3',
      '23.11.1',
      '24.10.0',
      '24.11.0',
      '26.0.0',
    ]) {
      expect({ version, is: isSupported(version) }).toEqual({ version, is: nodeVersionProblem(version) === null });
    }
  });
});
