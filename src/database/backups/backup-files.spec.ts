import { DAY_MS } from '../../config/durations.js';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupName, listBackups, pruneBackups } from './backup-files.js';

const NOON = Date.UTC(2026, 10, 22, 12);
describe('backup files', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'spns-backups-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const make = (...names: string[]) => names.forEach((name) => writeFileSync(join(folder, name), ''));

  it('are named after the database and the moment', () => {
    expect(backupName('data/push.sqlite', NOON + 999)).toBe('push-20261122T120000Z.sqlite');
    expect(backupName('/var/lib/push', NOON)).toBe('push-20261122T120000Z');
  });

  it('are listed newest first, and nothing else is', () => {
    make(
      'push-20261121T120000Z.sqlite',
      'push-20261122T120000Z.sqlite',
      'push-20261123T120000Z.sqlite.tmp',
      'push-20269999T999999Z.sqlite',
      'push-old.sqlite',
      'other-20261122T120000Z.sqlite',
    );
    expect(listBackups('data/push.sqlite', folder)).toEqual([
      { path: join(folder, 'push-20261122T120000Z.sqlite'), takenAt: NOON },
      { path: join(folder, 'push-20261121T120000Z.sqlite'), takenAt: NOON - DAY_MS },
    ]);
  });

  it('are none in a folder that does not exist yet', () => {
    expect(listBackups('data/push.sqlite', join(folder, 'absent'))).toEqual([]);
  });

  it('go when they are too many or were left unfinished; what is not ours stays', () => {
    const days = Array.from({ length: 5 }, (_, day) => backupName('push.sqlite', NOON - day * DAY_MS));
    const unfinished = `${backupName('push.sqlite', NOON + DAY_MS)}.tmp`;
    make(...days, unfinished, `${unfinished}-journal`, 'notes.tmp', 'notes.sqlite', 'notes.tmp-journal');
    pruneBackups('push.sqlite', folder, 2, Date.now() + DAY_MS + 1000);
    const left = [...days.slice(0, 2), 'notes.sqlite', 'notes.tmp', 'notes.tmp-journal'];
    expect(readdirSync(folder).toSorted()).toEqual(left.toSorted());
  });

  it('stay while another process may be writing them', () => {
    const [taken, left] = [NOON, NOON - DAY_MS].map((at) => `${backupName('push.sqlite', at)}.tmp`) as [string, string];
    make(taken, `${taken}-journal`, left);
    const longAgo = new Date(Date.now() - 2 * DAY_MS);
    utimesSync(join(folder, left), longAgo, longAgo);
    pruneBackups('push.sqlite', folder, 2);
    expect(readdirSync(folder).toSorted()).toEqual([taken, `${taken}-journal`]);
  });
});
