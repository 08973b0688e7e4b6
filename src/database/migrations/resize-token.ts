import { type QueryRunner } from 'typeorm';

export const isMysql = (runner: QueryRunner): boolean => ['mysql', 'mariadb'].includes(runner.connection.options.type);

/** Written out for MariaDB and MySQL, where TypeORM would drop the column and add it anew, without what is in it. */
export async function resizeToken(runner: QueryRunner, table: string, length: number): Promise<void> {
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
