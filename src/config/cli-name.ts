import { basename, dirname, isAbsolute, join, relative } from 'node:path';

/** How this process was started. */
interface Start {
  /** The script, as `process.argv[1]` has it. */
  readonly script: string;
  /** Which script of npm it runs in; npm sets it, `npx` to "npx". */
  readonly npmScript: string | undefined;
  readonly folder: string;
}

/**
 * What to type for the operator's commands where this process was started: `npm run cli --` in the project's folder, the name of
 * an installed package, or Node.js with the file. Help and messages say it, so that it can be copied.
 */
export function cliName({ script, npmScript, folder }: Start): string {
  if (/^session-push(\.mjs)?$/.test(basename(script))) return 'session-push';
  if (npmScript !== undefined && npmScript !== 'npx') return 'npm run cli --';
  if (!/[\\/]dist[\\/](cli[\\/])?main\.js$/.test(script)) return 'session-push';
  const dist = script.endsWith(join('cli', 'main.js')) ? dirname(dirname(script)) : dirname(script);
  const file = join(dist, 'cli', 'main.js');
  const short = relative(folder, file);
  return `node ${short.startsWith('..') || isAbsolute(short) ? file : short}`;
}

/** Of this process. */
export const CLI = cliName({
  script: process.argv[1] ?? '',
  npmScript: process.env['npm_lifecycle_event'],
  folder: process.cwd(),
});
