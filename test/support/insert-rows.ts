import { inPowersOfTwo } from '../../src/database/statement-sizes.js';
import { type TestDatabase } from './test-data-source.js';

/** Rows of `table`, in the order of its first columns; the others are left as they are without anybody's doing. */
export async function insertRows(
  { writer }: TestDatabase,
  table: string,
  rows: readonly (readonly unknown[])[],
): Promise<void> {
  await writer.write(async (manager) => {
    const columns = await manager.query<{ name: string }[]>(`SELECT name FROM pragma_table_info('${table}')`);
    const names = columns.map(({ name }) => name).slice(0, rows[0]?.length);
    for (const some of inPowersOfTwo(rows)) {
      const values = some.map((row) => `(${row.map(() => '?').join(', ')})`).join(', ');
      await manager.query(`INSERT INTO ${table} (${names.join(', ')}) VALUES ${values}`, some.flat());
    }
  });
}
