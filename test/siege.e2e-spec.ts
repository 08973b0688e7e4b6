import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, makeCredentials } from '../gateways/certificates.js';
import { problemsOf } from '../siege/report.js';
import { allAttacks, besiege, MARIADB_SETTINGS, storageFor } from '../siege/siege.js';
import { findMariaDb } from './support/private-mariadb.js';
import { PrivateStorages, type StorageKind } from './support/load/private-storages.js';

/** Enough to see that each attack does something; `npm run siege` has the figures. */
const SMALL = { seconds: 3, members: 20, connections: 300 };

describe('people beside an attack', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spns-siege-'));
  const storages = new PrivateStorages(folder, MARIADB_SETTINGS);
  let credentials: Credentials;
  beforeAll(async () => void (credentials = await makeCredentials()));
  afterAll(async () => {
    await storages.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function expectAllThere(name: string, kind: StorageKind): Promise<void> {
    const attack = allAttacks().find((one) => one.name === name);
    if (!attack) throw new Error(`There is no attack ${name}.`);
    const outcome = await besiege(attack, await storageFor(attack, kind, storages), SMALL, credentials);
    expect(problemsOf(outcome)).toEqual([]);
    expect(outcome.sent).toBeGreaterThan(2);
  }

  it.each(['fan-out', 'made-up-fcm', 'silence', 'caps', 'flood', 'subscriptions', 'reports'])(
    'get all that is sent to them: %s',
    (name) => expectAllThere(name, 'sqlite'),
    180_000,
  );

  it.skipIf(findMariaDb() === null)(
    'get all that is sent to them when statements would be longer than MariaDB takes',
    () => expectAllThere('packets', 'redis'),
    180_000,
  );
});
