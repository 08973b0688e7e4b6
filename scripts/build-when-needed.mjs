// Builds dist/ when it is missing or older than what it is made from, so that `npm start` needs no step before it.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));

const target = 'dist/main.js';
const nest = 'node_modules/@nestjs/cli/bin/nest.js';
const sources = ['package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', ...filesUnder('src')];

if (isStale()) build();

function isStale() {
  if (!existsSync(target)) return true;
  // Installed without devDependencies there is no compiler: the dist that was brought along is the one to run.
  if (!existsSync(nest)) return false;
  const builtAt = statSync(target).mtimeMs;
  return sources.some((file) => statSync(file).mtimeMs > builtAt);
}

function build() {
  if (!existsSync(nest)) {
    console.error(
      'There is no dist/ and no compiler to make it: run `npm ci` with devDependencies, or bring dist/ along.',
    );
    process.exit(1);
  }
  console.error('Building (dist/ is missing or older than its sources) ...');
  const { status } = spawnSync(process.execPath, [nest, 'build'], { stdio: 'inherit' });
  if (status === 0) return;
  // The compiler may have written files in spite of type errors; left in place, the next start would run them.
  rmSync(target, { force: true });
  process.exit(status ?? 1);
}

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.name.endsWith('.spec.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}
