/** What package.json's `engines` says: the 22 line from 22.16 on, and everything from 24.11 on. */
const SUPPORTED = 'Node.js 22.16 or a later 22, or 24.11 or later';

/**
 * Why the server cannot run on this Node.js, in one sentence; null = it can.
 * `version` is `process.versions.node`, for example `22.16.0`.
 */
export function nodeVersionProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const supported = (major === 22 && minor >= 16) || (major === 24 && minor >= 11) || major > 24;
  return supported ? null : `This is Node.js ${version}, and the server needs ${SUPPORTED}.`;
}

/**
 * Ends the process when Node.js is too old. An entry file calls it before it imports anything else (with `import()`),
 * because an older Node.js fails on those imports with an error that tells nobody what to do.
 */
export function requireSupportedNode(version = process.versions.node): void {
  const problem = nodeVersionProblem(version);
  if (problem === null) return;
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
