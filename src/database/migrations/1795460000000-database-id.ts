import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

/** The name of this database, by which others know what belongs to it. */
export class DatabaseId1795460000000 implements MigrationInterface {
  name = 'DatabaseId1795460000000';

  async up(runner: QueryRunner): Promise<void> {
    const isSqlite = runner.connection.options.type === 'better-sqlite3';
    const ascii = isSqlite ? {} : { charset: 'ascii', collation: 'ascii_bin' };
    await runner.createTable(
      new Table({
        name: 'database_id',
        columns: [
          { name: 'only', type: 'integer', isPrimary: true },
          { name: 'id', type: 'varchar', length: '36', ...ascii },
        ],
      }),
      true,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('database_id');
  }
}
