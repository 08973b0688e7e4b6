/**
 * Makes the copy of a SQLite database in a process of its own: `VACUUM INTO` is one call that lasts as long as it lasts, and
 * only a process can be ended in the midst of it. The copy is that of one moment. It is built anew from the rows, so it
 * holds neither free pages nor remains of rows that are gone, and it is on disk when the process ends with 0.
 *
 * Arguments: the database, and an empty file for the copy. What goes wrong is sent as a message. It imports nothing of
 * ours, so that plain Node runs it from the sources, too.
 */
import Database from 'better-sqlite3';
import { closeSync, fsyncSync, openSync } from 'node:fs';

const [source = '', target = ''] = process.argv.slice(2);

// Ctrl-C and a supervisor signal every process of the group; the parent process decides what to do about it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
// The parent process is gone, and with it whatever would remove an unfinished copy.
process.once('disconnect', () => process.exit(1));

function copy(): void {
  const database = new Database(source, { readonly: true, fileMustExist: true });
  try {
    database.prepare('VACUUM INTO ?').run(target);
  } finally {
    database.close();
  }
  const file = openSync(target, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

try {
  copy();
  process.exit(0);
} catch (error) {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null;
  process.send?.({ message: error instanceof Error ? error.message : 'unknown error', code }, () => process.exit(1));
}
