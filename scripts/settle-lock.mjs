// Mends what `npm install` writes into the lock file, so that `npm ci` does the same on every machine:
// - "resolved" addresses name the registry of the machine that wrote them;
// - "gypfile": false is left out, and `npm ci` then compiles better-sqlite3, which brings its binaries along; where there
//   is no compiler, it fails;
// - "engines" of packages are judged by the Node.js that runs npm, not by the one that the project brings along: an older one
//   warns about a hundred packages and leaves out every optional binary that says it wants a newer one, and the tests then
//   fail. The project's own "engines" stays, and the entry files check it.
// With --check it changes nothing and fails when there is something to mend.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));

const before = readFileSync('package-lock.json', 'utf8');
const lock = JSON.parse(before);
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '') continue;
  if (entry.resolved?.startsWith('http')) delete entry.resolved;
  delete entry.engines;
  const manifest = join(path, 'package.json');
  if (!existsSync(manifest)) continue;
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
