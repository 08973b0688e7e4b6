import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type TestDatabases } from '../support/databases.js';

/** For what does not depend on the kind of database. */
export function sqlite(): TestDatabases {
  let folder: string;
  let made = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'spns-faults-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return { kind: 'sqlite', create: async () => `sqlite:${join(folder, `${++made}.sqlite`)}` };
}
