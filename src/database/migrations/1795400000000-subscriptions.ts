import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/** The tables of today's API. */
export class Subscriptions1795400000000 implements MigrationInterface {
  name = 'Subscriptions1795400000000';

  async up(runner: QueryRunner): Promise<void> {
    const mysql = ['mysql', 'mariadb'].includes(runner.connection.options.type);
    const ascii = mysql ? { charset: 'ascii', collation: 'ascii_bin' } : {};
    const text = (name: string, length: string): TableColumnOptions => ({ name, type: 'varchar', length, ...ascii });
    const key = (name: string, length: string): TableColumnOptions => ({ ...text(name, length), isPrimary: true });
    const epoch = (name: string): TableColumnOptions => ({ name, type: 'bigint' });
    const bytes = (name: string): TableColumnOptions => ({ name, type: 'blob' });

    await runner.createTable(
      new Table({
        name: 'subscriptions',
        columns: [
          key('account', '100'),
          key('service', '16'),
          key('token', '1420'),
          text('signer', '80'),
          { name: 'swarm_place', type: mysql ? 'int' : 'integer' },
          text('namespaces', '255'),
          { name: 'wants_data', type: 'boolean' },
          epoch('sig_ts'),
          bytes('credentials'),
          bytes('enc_key'),
          { ...bytes('service_info'), isNullable: true },
          epoch('registered_at'),
          { ...epoch('accepted_at'), isNullable: true },
        ],
        indices: [
          { name: 'ix_subscriptions_token', columnNames: ['service', 'token'] },
          { name: 'ix_subscriptions_place', columnNames: ['swarm_place', 'account'] },
          { name: 'ix_subscriptions_sig_ts', columnNames: ['sig_ts'] },
        ],
      }),
      true,
    );
    await runner.createTable(
      new Table({
        name: 'ended_subscriptions',
        columns: [key('fingerprint', '64'), epoch('sig_ts')],
        indices: [{ name: 'ix_ended_subscriptions_sig_ts', columnNames: ['sig_ts'] }],
      }),
      true,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['ended_subscriptions', 'subscriptions']) await runner.dropTable(table);
  }
}
