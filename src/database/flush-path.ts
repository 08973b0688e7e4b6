import { open } from 'node:fs/promises';

/** Waits, beside the event loop, until a file's content or a folder's names are on disk. */
export async function flushPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
