import { expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import { insertNewest } from './dialect.js';

const toRow = ([token, id, registeredAt]: [string, string, number]) => ({
  ...{ token, registered_at: registeredAt, session_id: id },
  ...{ device_type: 'ios', legacy_groups_only: 0, apns_environment: null },
});

describeEachDatabase('insertNewest', (databases) => {
  const database = useTestDatabase(databases);
  const insert = (table: string, newest: string, ...rows: Record<string, unknown>[]) =>
    database.writer.write((manager) => insertNewest(manager, table, newest, rows));
  const stored = async (statement: string) =>
    (await database.dataSource.query<Record<string, unknown>[]>(statement)).map((row) => ({ ...row }));

  it('keeps the newer of two rows, whichever comes first, and all of its columns', async () => {
    const save = (...rows: [token: string, id: string, registeredAt: number][]) =>
      insert('devices', 'registered_at', ...rows.map(toRow));
    await save(['a', '05old', 1], ['b', '05new', 3], ['c', '05first', 2]);
    await save(['a', '05new', 2], ['b', '05old', 1], ['c', '05second', 2]);
    expect(await stored('SELECT token, session_id, registered_at FROM devices ORDER BY token')).toEqual([
      { token: 'a', session_id: '05new', registered_at: expect.toSatisfy((time) => Number(time) === 2) },
      { token: 'b', session_id: '05new', registered_at: expect.toSatisfy((time) => Number(time) === 3) },
      { token: 'c', session_id: '05first', registered_at: expect.toSatisfy((time) => Number(time) === 2) },
    ]);
  });

  it('leaves a row that is nothing but its key', async () => {
    const member = { group_id: 'g', session_id: '05a' };
    await insert('closed_group_members', 'group_id', member);
    await insert('closed_group_members', 'group_id', member, { group_id: 'g', session_id: '05b' });
    expect(await stored('SELECT * FROM closed_group_members ORDER BY session_id')).toEqual([
      member,
      { group_id: 'g', session_id: '05b' },
    ]);
  });
});
