import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/**
 * The first schema, one for SQLite, MariaDB and MySQL. The latter commit each change by itself, and a migration that was
 * killed halfway runs again: what is there already is left.
 */
export class Initial1795000000000 implements MigrationInterface {
  name = 'Initial1795000000000';

  async up(runner: QueryRunner): Promise<void> {
    const mysql = ['mysql', 'mariadb'].includes(runner.connection.options.type);
    // MariaDB compares case-insensitively by default; ids and tokens that differ in case are different.
    const ascii = mysql ? { charset: 'ascii', collation: 'ascii_bin' } : {};
    const unicode = mysql ? { charset: 'utf8mb4', collation: 'utf8mb4_bin' } : {};
    const key = (name: string, length: string): TableColumnOptions => ({
      name,
      type: 'varchar',
      length,
      isPrimary: true,
      ...ascii,
    });
    const text = (name: string, length: string): TableColumnOptions => ({ name, type: 'varchar', length, ...ascii });
    const epoch = (name: string): TableColumnOptions => ({ name, type: 'bigint' });
    const flag = (name: string): TableColumnOptions => ({ name, type: 'boolean' });

    await runner.createTable(
      new Table({
        name: 'devices',
        columns: [
          key('token', '1024'),
          text('session_id', '255'),
          text('device_type', '16'),
          flag('legacy_groups_only'),
          epoch('registered_at'),
          { ...text('apns_environment', '16'), isNullable: true },
        ],
        indices: [{ name: 'ix_devices_session_id', columnNames: ['session_id'] }],
      }),
      true,
    );
    await runner.createTable(
      new Table({
        name: 'suspect_tokens',
        columns: [
          key('token', '1024'),
          text('provider', '16'),
          text('reason', '64'),
          epoch('registered_at'),
          epoch('suspected_at'),
        ],
      }),
      true,
    );
    await runner.createTable(
      new Table({ name: 'closed_groups', columns: [key('group_id', '255'), epoch('changed_at')] }),
      true,
    );
    await runner.createTable(
      new Table({ name: 'closed_group_members', columns: [key('group_id', '255'), key('session_id', '255')] }),
      true,
    );
    await runner.createTable(
      new Table({
        name: 'queued_notifications',
        columns: [
          key('id', '36'),
          text('notification_id', '36'),
          text('lane', '8'),
          flag('leased'),
          epoch('available_at'),
          epoch('accepted_at'),
          epoch('expires_at'),
          { name: 'attempts', type: mysql ? 'int' : 'integer' },
          text('recipient', '255'),
          { name: 'data', type: 'text', isNullable: true, ...unicode },
          { name: 'targets', type: 'text', isNullable: true, ...unicode },
        ],
        indices: [
          {
            name: 'ix_queued_notifications_waiting',
            columnNames: ['lane', 'leased', 'accepted_at', 'available_at'],
          },
        ],
      }),
      true,
    );
    await runner.createTable(
      new Table({
        name: 'statistics',
        columns: [
          { ...epoch('start_date'), isPrimary: true },
          epoch('end_date'),
          epoch('ios_pn_number'),
          epoch('android_pn_number'),
          epoch('total_message_number'),
          epoch('closed_group_message_number'),
          epoch('untracked_message_number'),
          epoch('deduplicated_1_1_message_number'),
        ],
      }),
      true,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    const tables = [
      'statistics',
      'queued_notifications',
      'closed_group_members',
      'closed_groups',
      'suspect_tokens',
      'devices',
    ];
    for (const table of tables) await runner.dropTable(table);
  }
}
