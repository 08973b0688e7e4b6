import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

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

const isMysql = (runner: QueryRunner): boolean => ['mysql', 'mariadb'].includes(runner.connection.options.type);

/** Written out for MariaDB and MySQL, where TypeORM would drop the column and add it anew, without what is in it. */
async function resizeToken(runner: QueryRunner, table: string, length: number): Promise<void> {
  if (isMysql(runner)) {
    await runner.query(
      `ALTER TABLE ${table} MODIFY token varchar(${length}) CHARACTER SET ascii COLLATE ascii_bin NOT NULL`,
    );
    return;
  }
  const column = (await runner.getTable(table))?.findColumnByName('token');
  if (!column) throw new Error(`The table ${table} has no column of tokens.`);
  const resized = column.clone();
  resized.length = String(length);
  await runner.changeColumn(table, column, resized);
}
