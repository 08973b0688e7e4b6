// Builds dist/ when it is missing or older than what it is made from, so that `npm start` needs no step before it; with
// --force in any case.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isSupportedNode } from './supported-node.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const target = 'dist/main.js';
const nest = 'node_modules/@nestjs/cli/bin/nest.js';
/** Holds the number of the process that builds. */
const lock = 'node_modules/.build-lock';
const LOOK_EVERY_MS = 200;

requireNode();
const sources = ['package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', ...filesUnder('src')];
const isForced = process.argv.includes('--force');
if (isForced || isStale()) alone(() => (isForced || isStale()) && build());

/** `npm ci` brings the right one, and puts it in front of what the machine has. */
function requireNode() {
  if (isSupportedNode(process.versions.node)) return;
  const isBrought = existsSync('node_modules/node/package.json') && !existsSync('node_modules/node/bin/node');
  end(
    `This is Node.js ${process.versions.node}, which is too old. ` +
      (isBrought
        ? '`npm ci` brings the right one by an install script, and these are switched off (ignore-scripts): npm ci --ignore-scripts=false'
        : '`npm ci` brings the right one for `npm start`; of your own take 22.16 or a later 22, or 24.11 or later.'),
  );
}

function isStale() {
  if (!existsSync(target)) return true;
  // Installed without devDependencies there is no compiler: the dist that was brought along is the one to run.
  if (!existsSync(nest)) return false;
  const builtAt = statSync(target).mtimeMs;
  return sources.some((file) => statSync(file).mtimeMs > builtAt);
}

function build() {
  console.error(isForced ? 'Building ...' : 'Building (dist/ is missing or older than its sources) ...');
  const { status } = spawnSync(process.execPath, [nest, 'build'], { stdio: 'inherit' });
  if (status === 0) return;
  // The compiler may have written files in spite of type errors; left in place, the next start would run them.
  rmSync(target, { force: true });
  process.exitCode = status ?? 1;
}

/** Two builds at once would take each other's files away: the second waits, and then has nothing to do. */
function alone(work) {
  if (!existsSync(nest)) {
    end('There is no dist/ and no compiler to make it: run `npm ci` with devDependencies, or bring dist/ along.');
  }
  for (let isTold = false; !takeLock(); isTold = true) {
    if (!isTold) console.error('Another build is under way, waiting for it ...');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_EVERY_MS);
  }
  const letGo = () => rmSync(lock, { force: true });
  process.once('exit', letGo);
  work();
}

function takeLock() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') {
      end(
        `dist/ is missing or older than its sources, and cannot be made in ${process.cwd()} (${error.code}): ` +
          'build where this user may write, and bring dist/ along.',
      );
    }
  }
  if (!isAtWork()) rmSync(lock, { force: true });
  return false;
}

/** Whether the one who holds the lock still runs; what a killed one left is of no use. */
function isAtWork() {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')) || 0, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.name.endsWith('.spec.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function end(sentence) {
  console.error(sentence);
  process.exit(1);
}
