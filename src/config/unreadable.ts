import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a file is in the place of a folder',
  ENAMETOOLONG: 'the name is too long for a path',
};

export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return REASONS[code] ?? code;
}

/**
 * Why the file cannot be read, in words for the operator; null = it can. What does not look like a path is not repeated: a
 * secret may have got into the wrong variable.
 */
export function fileProblem(file: string): string | null {
  try {
    readFileSync(file);
    return null;
  } catch (error) {
    const isPath = /^[^\n{]*\/[^\n{]*$/.test(file) && file.length < 256;
    const path = isPath ? `${resolve(file)} ` : '';
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isAbsent) return `cannot be read: ${path ? `${path}(${whyUnreadable(error)})` : whyUnreadable(error)}`;
    return path
      ? `cannot be read: there is no ${resolve(file)}`
      : `cannot be read: there is no such file in ${dirname(resolve(file))}`;
  }
}
