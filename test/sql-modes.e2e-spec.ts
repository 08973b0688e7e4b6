import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { randomBytes } from 'node:crypto';
import { type DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken, newData, newId, newIosToken } from './support/people.js';
import { findMariaDb, type PrivateMariaDb, startMariaDb } from './support/private-mariadb.js';
import { openDataSource } from './support/test-data-source.js';
import { TestServer } from './support/test-server.js';

/** The `sql_mode` of servers that people run; each changes what a statement means. */
const MODES = [
  'NO_BACKSLASH_ESCAPES',
  'STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION',
  'ANSI_QUOTES',
  'PIPES_AS_CONCAT',
  'ANSI',
  'ANSI,NO_BACKSLASH_ESCAPES',
  // Loose: values that do not fit are cut.
  '',
  'TRADITIONAL,ONLY_FULL_GROUP_BY,NO_ZERO_DATE,NO_ZERO_IN_DATE',
  // MariaDB's, in which an empty text is NULL.
  'ORACLE,EMPTY_STRING_IS_NULL',
];

/** What a token may look like, printable ASCII, and what would be SQL if it got out of its quotes. */
const STRANGE_TOKENS = [
  "x'/**/OR/**/1=1#",
  "x\\'/**/OR/**/1=1#",
  'x"/**/OR/**/1=1#',
  "x'||(SELECT/**/1)||'",
  "it's",
  "''''",
  'back\\slash',
  '\\',
  "\\'",
  "'\\",
  '"quoted"',
  '%_?:@',
];

const programs = findMariaDb();

// The mode is the whole server's: one that others use as well cannot have another.
describe.skipIf(programs === null)('with any sql_mode of the database', () => {
  let mariaDb: PrivateMariaDb;
  let gateways: TestGateways;
  beforeAll(async () => {
    if (programs) mariaDb = await startMariaDb(programs);
    gateways = await startGateways();
  });
  afterAll(async () => {
    await gateways.close();
    await mariaDb.stop();
  });

  async function onServer(...statements: string[]): Promise<void> {
    const connection = await createConnection(mariaDb.url);
    try {
      for (const statement of statements) await connection.query(statement);
    } finally {
      await connection.end();
    }
  }

  async function newDatabase(mode: string): Promise<string> {
    const name = `t_${randomBytes(8).toString('hex')}`;
    await onServer(`CREATE DATABASE ${name}`, `SET GLOBAL sql_mode = '${mode}'`);
    return `${mariaDb.url}/${name}`;
  }

  describe.each(MODES)('"%s"', (mode) => {
    let server: TestServer;
    beforeAll(async () => {
      server = await TestServer.start({ database: await newDatabase(mode), gateways });
    });
    afterAll(() => server.close());

    const unregister = async (token: string): Promise<unknown> => (await server.send('unregister', { token })).body;
    const devices = async (): Promise<number> => {
      const [row] = await server.dataSource.query<{ count: number }[]>('SELECT COUNT(*) AS count FROM devices');
      return Number(row?.count);
    };

    it('is what a session of others has', async () => {
      const connection = await createConnection(mariaDb.url);
      const [[row]] = await connection.query<RowDataPacket[]>('SELECT @@SESSION.sql_mode AS mode');
      await connection.end();
      for (const flag of mode.split(',')) expect(row?.['mode']).toContain(flag);
    });

    it('removes nobody else by a token that would be SQL outside its quotes', async () => {
      for (let index = 0; index < 5; index++) await server.register(newId(), newAndroidToken());
      const before = await devices();
      for (const token of STRANGE_TOKENS) {
        expect(await unregister(token)).toEqual({ code: 0, message: 'Session id was not registered before.' });
      }
      expect(await devices()).toBe(before);
    });

    it('stores a strange token as it is, finds it and removes it', async () => {
      for (const token of STRANGE_TOKENS) {
        await server.register(newId(), token, 'android');
        expect((await server.device(token))?.token).toBe(token);
        expect(await unregister(token)).toEqual({ code: 1, message: 'Success' });
        expect(await server.device(token)).toBeNull();
      }
    });

    it('takes strange ids of people and groups', async () => {
      for (const id of STRANGE_TOKENS) {
        const token = newAndroidToken();
        await server.register(id, token, 'android');
        const args = { pubKey: id, closedGroupPublicKey: id };
        for (const command of ['subscribe_closed_group', 'unsubscribe_closed_group']) {
          expect((await server.send(command, args)).body).toMatchObject({ code: 1 });
        }
        await unregister(token);
      }
    });

    it('delivers what was accepted, to a strange id too', async () => {
      for (const id of [newId(), "it's\\me"]) {
        const [token, data] = [newIosToken(), newData()];
        await server.register(id, token);
        await server.notify(id, data);
        await server.idle();
        expect(gateways.apns.received.filter((push) => push.token === token)).toHaveLength(1);
        await unregister(token);
      }
    });

    it('keeps what it stored over a restart', async () => {
      const token = "it's\\kept";
      await server.register(newId(), token, 'android');
      await server.restart();
      expect((await server.device(token))?.token).toBe(token);
    });
  });

  describe('that changes behind our back, as with a proxy that shares connections', () => {
    let dataSource: DataSource;
    beforeAll(async () => {
      dataSource = await openDataSource(await newDatabase('STRICT_TRANS_TABLES'));
    });
    afterAll(() => dataSource.destroy());

    it.each(MODES)('a value is still a value in "%s"', async (mode) => {
      const runner = dataSource.createQueryRunner();
      try {
        await runner.query(`SET SESSION sql_mode = '${mode}'`);
        const values = [...STRANGE_TOKENS, 'two\nlines', '\0', 'ä €', '😀', "縧'"];
        for (const value of values) {
          expect(await runner.query('SELECT ? AS value, ? AS after', [value, 7])).toEqual([{ value, after: 7 }]);
        }
      } finally {
        await runner.release();
      }
    });
  });
});
