import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** What is on a developer's machine and not in a clone; of these dist/ is brought along. */
const NOT_IN_A_CLONE = new Set(['.git', '.env', 'coverage', 'data', 'node_modules']);

/** The project as it is now, without its packages, in a folder of its own. */
export function copyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'spns-project-'));
  cpSync(ROOT, folder, { recursive: true, filter: (file) => !NOT_IN_A_CLONE.has(relative(ROOT, file)) });
  return folder;
}

/** Installs as docs/operating.md says. Asks the package registry for what is not in npm's cache. */
export function installForProduction(folder: string): void {
  npm(folder, ['ci', '--omit=dev', '--no-audit', '--no-fund']);
}

/**
 * Runs npm in the folder, with what `env` adds to this process's environment, and returns what it printed; throws with all
 * that it said when it fails.
 */
export function npm(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  return npmSpeaks(folder, args, env).stdout;
}

/** As `npm`, with its warnings. */
export function npmSpeaks(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { stdout: string; stderr: string } {
  const { status, error, stdout, stderr } = spawnSync('npm', args, {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return { stdout, stderr };
  throw new Error(`npm ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
}
