import { type MigrationInterface, type QueryRunner, Table, TableColumn } from 'typeorm';

const ACCEPTED_AT = new TableColumn({ name: 'accepted_at', type: 'bigint', isNullable: true });

/** What is known of a token besides its registration, and of a provider besides what this process met. */
export class Standing1795310000000 implements MigrationInterface {
  name = 'Standing1795310000000';

  async up(runner: QueryRunner): Promise<void> {
    // MariaDB and MySQL keep what a migration did that was killed before it was noted, and it runs again.
    if (!(await runner.hasColumn('devices', ACCEPTED_AT.name))) await runner.addColumn('devices', ACCEPTED_AT);
    const isMysql = ['mysql', 'mariadb'].includes(runner.connection.options.type);
    const ascii = isMysql ? { charset: 'ascii', collation: 'ascii_bin' } : {};
    const text = (name: string, length: string) => ({ name, type: 'varchar', length, ...ascii });
    const epoch = (name: string) => ({ name, type: 'bigint', isNullable: true });
    await runner.createTable(
      new Table({
        name: 'provider_states',
        columns: [
          { ...text('provider', '16'), isPrimary: true },
          { name: 'has_delivered', type: 'boolean' },
          { ...text('cause', '24'), isNullable: true },
          { ...text('reason', '64'), isNullable: true },
          epoch('since'),
          epoch('open_until'),
        ],
      }),
      true,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('provider_states');
    await runner.dropColumn('devices', ACCEPTED_AT.name);
  }
}
