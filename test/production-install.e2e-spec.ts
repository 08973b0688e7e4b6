import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateways, type TestGateways } from './support/gateways.js';
import { describeEachStorage } from './support/load/storages.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { copyProject, installForProduction, npm } from './support/project-copy.js';
import { inFolder, spawnServer } from './support/spawned-server.js';

const INSTALL_DEADLINE_MS = 300_000;
const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

interface LockFile {
  packages: Record<string, { dev?: boolean; optional?: boolean }>;
}

let folder: string;
let gateways: TestGateways;

beforeAll(async () => {
  folder = copyProject();
  installForProduction(folder);
  gateways = await startGateways();
}, INSTALL_DEADLINE_MS);

afterAll(async () => {
  await gateways?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
}, INSTALL_DEADLINE_MS);

describe('an installation without devDependencies', () => {
  it('has all packages that the server needs and none that it is developed with', () => {
    const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as LockFile;
    const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
    const here = (wanted: (entry: { dev?: boolean; optional?: boolean }) => boolean) =>
      packages.filter(([path, entry]) => wanted(entry) && existsSync(join(folder, path))).map(([path]) => path);
    const needed = packages.filter(([, { dev, optional }]) => !dev && !optional).map(([path]) => path);
    expect(here(({ dev }) => dev === true)).toEqual([]);
    expect(here(({ dev, optional }) => !dev && !optional)).toEqual(needed);
  });

  it('has the operator’s commands, here and in PATH', () => {
    expect(npm(folder, ['run', '-s', 'cli', '--', '--help'])).toContain('Usage: npm run cli -- ');
    npm(folder, ['install', '--global', '--prefix', join(folder, 'global'), '.']);
    const help = execFileSync(join(folder, 'global/bin/session-push'), ['--help'], { encoding: 'utf8' });
    expect(help).toContain('Usage: session-push');
  });

  it('takes along what the commands need where npm copies and does not link, as that of Debian 12 does', () => {
    const [packed] = JSON.parse(npm(folder, ['pack', '--dry-run', '--json'])) as { files: { path: string }[] }[];
    const paths = packed?.files.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['scripts/session-push.mjs', 'dist/cli/main.js', 'package.json']));
    expect(
      paths?.filter((path) => !/^(?:dist\/|scripts\/session-push\.mjs$|package\.json$|README|LICENSE)/.test(path)),
    ).toEqual([]);
  });
});

describeEachStorage('a server without devDependencies', (create) => {
  it('starts, registers phones and wakes them', async () => {
    const storage = await create();
    await inFolder(async (dataFolder) => {
      const env = { ...gateways.environment, ...storage.env };
      const server = await spawnServer(env, dataFolder, join(folder, 'dist/main.js'));
      const pubKey = newId();
      const phones = { ios: newIosToken(), android: newAndroidToken(), huawei: newHuaweiToken() };
      for (const [device, token] of Object.entries(phones))
        expect(await server.onion.send('register', { token, pubKey, device })).toEqual(SUCCESS);
      expect(await server.onion.send('notify', { send_to: pubKey, data: newData() })).toEqual(SUCCESS);
      const pushes = await Promise.all(gateways.legacy.map((gateway) => gateway.waitForPush(1)));
      expect(pushes.map(([push]) => push?.token)).toEqual(Object.values(phones));
      expect((await server.process.stop()).code).toBe(0);
    });
    await gateways.reset();
  });
});
