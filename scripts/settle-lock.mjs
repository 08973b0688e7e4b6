// Mends what `npm install` writes into the lock file, so that `npm ci` does the same on every machine:
// - "resolved" addresses name the registry of the machine that wrote them;
// - "gypfile": false is left out, and `npm ci` then compiles better-sqlite3, which brings its binaries along; where there
//   is no compiler, it fails.
// With --check it changes nothing and fails when there is something to mend.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));

const before = readFileSync('package-lock.json', 'utf8');
const lock = JSON.parse(before);
for (const [path, entry] of Object.entries(lock.packages)) {
  if (entry.resolved?.startsWith('http')) delete entry.resolved;
  const manifest = join(path, 'package.json');
  if (path === '' || !existsSync(manifest)) continue;
  if (JSON.parse(readFileSync(manifest, 'utf8')).gypfile === false) entry.gypfile = false;
}
const after = `${JSON.stringify(lock, null, 2)}\n`;

if (after !== before) {
  if (process.argv.includes('--check')) {
    console.error('package-lock.json is as npm wrote it: run `npm run lock:settle`.');
    process.exit(1);
  }
  writeFileSync('package-lock.json', after);
}
