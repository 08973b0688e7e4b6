import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { isMysql, resizeToken } from './resize-token.js';

const TABLES_OF_TOKENS = ['devices', 'suspect_tokens'];

/** Room for sealed tokens, which are longer, and the table that tells whether ids and tokens are sealed. */
export class Sealing1795100000000 implements MigrationInterface {
  name = 'Sealing1795100000000';

  async up(runner: QueryRunner): Promise<void> {
    const ascii = isMysql(runner) ? { charset: 'ascii', collation: 'ascii_bin' } : {};
    for (const table of TABLES_OF_TOKENS) await resizeToken(runner, table, 1420);
    await runner.createTable(
      new Table({
        name: 'sealing',
        columns: [
          { name: 'key_check', type: 'varchar', length: '64', isPrimary: true, ...ascii },
          { name: 'converting', type: 'boolean' },
        ],
      }),
      true,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    const sealed = (await runner.query('SELECT key_check FROM sealing')) as unknown[];
    if (sealed.length > 0) throw new Error('Ids and tokens are sealed, which an older version cannot read.');
    await runner.dropTable('sealing');
    for (const table of TABLES_OF_TOKENS) await resizeToken(runner, table, 1024);
  }
}
