import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LowerCaseIosTokens1795470000000 } from '../src/database/migrations/1795470000000-lower-case-ios-tokens.js';
import { formerKeyCheckOf } from '../src/sealing/sealing.protocol.js';
import { KeyedSealing, NoSealing, type Sealing } from '../src/sealing/sealing.js';
import { runCommand } from './support/command-line.js';
import { describeEachDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken, newData, newId, newIosToken } from './support/people.js';
import { query } from './support/query.js';
import { TestServer } from './support/test-server.js';

describeEachDatabase('a database of when iOS tokens were stored as they came', (databases) => {
  let folder: string;
  let dataKey: Buffer;
  let gateways: TestGateways;
  let server: TestServer;
  const [former, owner, other] = [newId(), newId(), newId()];
  const token = `ab${newIosToken().slice(2)}`;
  const alone = `EF${newIosToken().slice(2)}`;
  const android = newAndroidToken();

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-ios-tokens-'));
    dataKey = randomBytes(32);
    writeFileSync(join(folder, 'data.key'), dataKey);
    gateways = await startGateways();
  });
  afterEach(async () => {
    await server.close();
    await gateways.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A server was here, and before the migration phones were stored like this. */
  async function makeBefore(sealing: Sealing, env: Record<string, string>): Promise<void> {
    server = await TestServer.start({ database: await databases.create(), gateways, env });
    await server.app.close();
    const device = (text: string, id: string, type: string, registeredAt: number, acceptedAt: number | null) =>
      `('${sealing.token(text)}', '${sealing.id(id)}', '${type}', 0, ${registeredAt}, NULL, ${acceptedAt})`;
    const devices = [
      device(token, former, 'ios', 1_700_000_000_000, 1_700_000_000_500),
      device(token.toUpperCase(), owner, 'ios', 1_700_000_000_002, null),
      device(`Ab${token.slice(2)}`, former, 'ios', 1_700_000_000_001, null),
      device(alone, other, 'ios', 1_700_000_000_003, null),
      device(android, other, 'android', 1_700_000_000_004, null),
    ];
    const suspect = (text: string, suspectedAt: number) =>
      `('${sealing.token(text)}', 'apns', 'Gone', 1, ${suspectedAt})`;
    const columns = 'token, session_id, device_type, legacy_groups_only, registered_at, apns_environment, accepted_at';
    await query(server.database, `INSERT INTO devices (${columns}) VALUES ${devices.join(', ')}`);
    await query(
      server.database,
      `INSERT INTO suspect_tokens VALUES ${[suspect(token, 7), suspect(token.toUpperCase(), 8)].join(', ')}`,
    );
    await query(server.database, `UPDATE sealing SET key_check = '${formerKeyCheckOf([dataKey])}'`);
    await query(server.database, `DELETE FROM migrations WHERE name = '${LowerCaseIosTokens1795470000000.name}'`);
  }

  async function expectOneSpelling(sealing: Sealing): Promise<void> {
    const rows = await query(
      server.database,
      'SELECT token, session_id, registered_at, accepted_at FROM devices ORDER BY registered_at',
    );
    expect(rows.map((row) => ({ ...row, token: sealing.open(String(row['token'])) }))).toEqual([
      { token, session_id: sealing.id(owner), registered_at: 1_700_000_000_002, accepted_at: 1_700_000_000_500 },
      {
        token: alone.toLowerCase(),
        session_id: sealing.id(other),
        registered_at: 1_700_000_000_003,
        accepted_at: null,
      },
      { token: android, session_id: sealing.id(other), registered_at: 1_700_000_000_004, accepted_at: null },
    ]);
    expect(await query(server.database, 'SELECT token, suspected_at FROM suspect_tokens')).toEqual([
      { token: sealing.token(token), suspected_at: 8 },
    ]);
    await server.notify(owner, newData());
    await server.idle();
    expect(gateways.apns.received.map((push) => push.token)).toEqual([token]);
  }

  it('has one row for each token after the start, that of the newest registration', async () => {
    await makeBefore(new NoSealing(), {});
    await server.open();
    await expectOneSpelling(new NoSealing());
  });

  it('has it where tokens are sealed, too, and looks once', async () => {
    const sealing = new KeyedSealing(dataKey);
    const env = { DATA_KEY_FILE: join(folder, 'data.key') };
    await makeBefore(sealing, env);
    await server.open();
    await expectOneSpelling(sealing);
    expect(await query(server.database, 'SELECT converting FROM sealing')).toEqual([{ converting: 0 }]);
  });

  it('goes on where a start was killed between the migration and the tokens that need the key', async () => {
    const sealing = new KeyedSealing(dataKey);
    const env = { DATA_KEY_FILE: join(folder, 'data.key') };
    await makeBefore(sealing, env);
    const command = { folder, env: { DATABASE_URL: server.database } };
    // Without the key the migration is done, and what it leaves is refused.
    expect((await runCommand(['migrate'], command)).stderr).toContain('The database is sealed: set DATA_KEY_FILE');
    await server.open();
    await expectOneSpelling(sealing);
  });
});
