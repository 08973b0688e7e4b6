import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { whyUnreadable } from '../../config/unreadable.js';
import { decodeTextFile } from '../../encoding/text-file.js';
import { type NodeList, readNodeList, writeNodeList } from '../wire/node-list.protocol.js';

const MAX_FILE_BYTES = 32 * 1024 * 1024;

interface SavedList {
  readonly list: NodeList;
  /** UTC epoch milliseconds. */
  readonly savedAt: number;
}

/** The last good list on disk. It is complete or absent, whatever happens while it is written. */
export class NodeListFile {
  constructor(readonly path: string) {}

  /** Null when there is no file. */
  async read(isWanted: (host: string) => boolean): Promise<SavedList | { readonly problem: string } | null> {
    const content = await this.content();
    if (content === null || 'problem' in content) return content;
    const answer = readNodeList(content.json, isWanted);
    if (answer.kind !== 'list') return { problem: 'holds no list of nodes' };
    if (answer.list.nodes.size === 0) return { problem: 'holds a list without nodes' };
    return { list: answer.list, savedAt: content.savedAt };
  }

  async write(list: NodeList): Promise<void> {
    const temporary = `${this.path}.${randomUUID()}.tmp`;
    await mkdir(dirname(this.path), { recursive: true });
    try {
      await writeFile(temporary, writeNodeList(list), { flush: true });
      await rename(temporary, this.path);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  private async content(): Promise<{ json: string; savedAt: number } | { problem: string } | null> {
    try {
      const { size, mtimeMs } = await stat(this.path);
      if (size > MAX_FILE_BYTES) return { problem: `is longer than ${MAX_FILE_BYTES} bytes` };
      const decoded = decodeTextFile(await readFile(this.path));
      return 'problem' in decoded ? decoded : { json: decoded.text, savedAt: mtimeMs };
    } catch (error) {
      return isAbsent(error) ? null : { problem: `cannot be read: ${whyUnreadable(error)}` };
    }
  }
}

const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';
