const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: 'this user has no right to',
  EPERM: 'this user has no right to',
  EROFS: 'it is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'there is no such folder, and none can be made',
  ENOTDIR: 'a part of the path is no folder',
};

/** What the operating system has against a file or a folder; null = the error is not about one. */
export function fileProblem(error: unknown): { code: string; meaning: string } | null {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return null;
  const code = String(error.code);
  return { code, meaning: MEANINGS[code] ?? code };
}
