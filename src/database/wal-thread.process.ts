/**
 * Moves SQLite's log to the database in a thread of its own: what it flushes to disk would hold the event loop.
 *
 * `workerData` is the database's path. Each message is the mode of a `wal_checkpoint` and is answered in turn; null ends the thread. It imports
 * nothing of ours, so that plain Node runs it from the sources, too.
 */
import Database from 'better-sqlite3';
import { parentPort, workerData } from 'node:worker_threads';

const database = new Database(String(workerData), { fileMustExist: true, timeout: 0 });

parentPort?.on('message', (mode: string | null) => {
  if (mode === null) {
    database.close();
    return parentPort?.close();
  }
  try {
    const [result] = database.pragma(`wal_checkpoint(${mode})`) as unknown[];
    parentPort?.postMessage({ result }, []);
  } catch (error) {
    parentPort?.postMessage({ problem: error instanceof Error ? error.message : 'unknown error' }, []);
  }
});
