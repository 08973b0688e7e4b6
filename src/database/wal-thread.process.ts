/**
 * Moves SQLite's log to the database in a thread of its own: what it flushes to disk would hold the event loop.
 *
 * `workerData` has the database's path and how many bytes of the log's file stay when it begins anew. Each message is the mode of
 * a `wal_checkpoint` and is answered in turn; null ends the thread. It imports nothing of ours, so that plain Node runs it
 * from the sources, too.
 */
import Database from 'better-sqlite3';
import { parentPort, workerData } from 'node:worker_threads';

const { path, logBytes } = workerData as { readonly path: string; readonly logBytes: number };
const database = new Database(path, { fileMustExist: true, timeout: 0 });
database.pragma('synchronous = NORMAL');
database.pragma(`journal_size_limit = ${logBytes}`);

/**
 * SQLite flushes the first page of a log that begins anew, within the `COMMIT` that writes it. So this one does: it writes a number
 * that is there already.
 *
 * @returns false = others are writing, one of whom begins it
 */
function begin(): boolean {
  try {
    database.exec(`PRAGMA user_version = ${Number(database.pragma('user_version', { simple: true }))}`);
    return true;
  } catch {
    return false;
  }
}

function checkpoint(mode: string): object {
  const [result] = database.pragma(`wal_checkpoint(${mode})`) as { busy: number }[];
  const isAnew = (mode === 'RESTART' || mode === 'TRUNCATE') && result?.busy === 0;
  return { ...result, begun: isAnew && begin() };
}

parentPort?.on('message', (mode: string | null) => {
  if (mode === null) {
    database.close();
    return parentPort?.close();
  }
  try {
    parentPort?.postMessage({ result: checkpoint(mode) }, []);
  } catch (error) {
    parentPort?.postMessage({ problem: error instanceof Error ? error.message : 'unknown error' }, []);
  }
});
