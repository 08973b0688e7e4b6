import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');

/** Linux's magic numbers of file systems on which a flush to disk costs very different amounts. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0x794c7630, 'overlayfs'],
  [0x01021994, 'tmpfs, where a flush costs nothing'],
]);

/**
 * One sentence or two about what was run and on what, for whoever runs it again.
 *
 * @param script of package.json
 * @param pinning which processes have which cores
 */
export function describeCircumstances(
  script: string,
  args: readonly string[],
  pinning: string,
  folder: string,
): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const date = new Date().toISOString().slice(0, 10);
  const command = [`npm run ${script}`, ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  const [cpu] = cpus();
  return (
    `${date}, version ${version}${commit()}, \`${command}\`. Node.js ${process.versions.node}, Linux ${release()}, ` +
    `${cpus().length} x ${cpu?.model.trim()}, ${pinning}, databases on ${fileSystemOf(folder)}.`
  );
}

function fileSystemOf(folder: string): string {
  const { type } = statfsSync(folder);
  return FILE_SYSTEMS.get(type) ?? `a file system of type 0x${type.toString(16)}`;
}

/** Empty outside of a clone. */
function commit(): string {
  try {
    const hash = git('rev-parse', '--short', 'HEAD');
    const changed = git('status', '--porcelain', '--', 'src', 'package.json') !== '';
    return ` (${hash}${changed ? ' and changes' : ''})`;
  } catch {
    return '';
  }
}

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
