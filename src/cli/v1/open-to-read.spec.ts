import { expect, it } from 'vitest';
import { unreadable } from './open-to-read.js';

it.each([
  ['EACCES', 'Access to /srv/v1.db is denied'],
  ['ENOENT', 'There is no file /srv/v1.db.'],
  ['SQLITE_BUSY', '/srv/v1.db is locked'],
  ['SQLITE_NOTADB', '/srv/v1.db is not a SQLite database'],
])('tells %s from the other reasons not to read a file', (code, sentence) => {
  expect(unreadable('/srv/v1.db', code)).toContain(sentence);
});
