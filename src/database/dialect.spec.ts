import { expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import { countChanged, deleteSome, insertNewest, isAnyOf } from './dialect.js';

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

  it('replaces a row by one that is as new when told to', async () => {
    const save = (id: string, ofEquals?: 'keep' | 'replace') =>
      database.writer.write((manager) =>
        insertNewest(manager, 'devices', 'registered_at', [toRow(['a', id, 5])], ofEquals),
      );
    const owner = async () => (await stored('SELECT session_id FROM devices'))[0]?.['session_id'];
    await save('05first');
    await save('05second');
    expect(await owner()).toBe('05first');
    await save('05third', 'replace');
    expect(await owner()).toBe('05third');
    await insert('devices', 'registered_at', toRow(['a', '05older', 4]));
    expect(await owner()).toBe('05third');
  });

  it('leaves a row that is nothing but its key', async () => {
    const member = { group_id: 'g', session_id: '05a' };
    await insert('closed_group_members', 'group_id', member);
    await insert('closed_group_members', 'group_id', member, { group_id: 'g', session_id: '05b' });
    expect(await stored('SELECT group_id, session_id FROM closed_group_members ORDER BY session_id')).toEqual([
      member,
      { group_id: 'g', session_id: '05b' },
    ]);
  });
});

describeEachDatabase('conditions and deletions', (databases) => {
  const database = useTestDatabase(databases);
  const members = [1, 2, 3].flatMap((group) => [1, 2, 3].map((member) => [`g${group}`, `05${member}`] as const));
  const fill = () =>
    database.writer.write(async (manager) => {
      const rows = members.map(([group, id]) => ({ group_id: group, session_id: id }));
      await insertNewest(manager, 'closed_group_members', 'group_id', rows);
    });
  const stored = async () => {
    const rows = await database.dataSource.query<{ group_id: string; session_id: string }[]>(
      'SELECT group_id, session_id FROM closed_group_members ORDER BY group_id, session_id',
    );
    return rows.map((row) => [row.group_id, row.session_id]);
  };

  it('find any of several combinations and nothing between them', async () => {
    await fill();
    const wanted = [members[1], members[5], ['g1', 'absent']].map((pair) => pair ?? []);
    const condition = isAnyOf(database.dataSource.manager, ['group_id', 'session_id'], wanted.length);
    const found = await database.dataSource.query<Record<string, string>[]>(
      `SELECT group_id, session_id FROM closed_group_members WHERE ${condition} ORDER BY group_id`,
      wanted.flat(),
    );
    expect(found.map((row) => ({ ...row }))).toEqual([
      { group_id: 'g1', session_id: '052' },
      { group_id: 'g2', session_id: '053' },
    ]);
  });

  it('find them by an index', async () => {
    await fill();
    const { manager } = database.dataSource;
    const condition = isAnyOf(manager, ['group_id', 'session_id'], 2);
    const parameters = ['g1', '051', 'g2', '052'];
    const explain = databases.kind === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
    const [plan] = await manager.query<Record<string, unknown>[]>(
      `${explain} DELETE FROM closed_group_members WHERE ${condition}`,
      parameters,
    );
    if (databases.kind === 'sqlite') expect(plan?.['detail']).toMatch(/^SEARCH .* \(group_id=\? AND session_id=\?\)$/);
    else expect(plan).toMatchObject({ type: 'range', key: 'PRIMARY' });
  });

  it('delete as many rows as they may, and tell how many it were', async () => {
    await fill();
    const some = (limit: number) =>
      database.writer.write((manager) => deleteSome(manager, 'closed_group_members', 'group_id <= ?', ['g2'], limit));
    expect([await some(4), await some(4), await some(4)]).toEqual([4, 2, 0]);
    expect(await stored()).toEqual(members.slice(6));
  });

  it('tell how many rows a statement changed, within a transaction alone', async () => {
    await fill();
    const statement = 'DELETE FROM closed_group_members WHERE session_id = ?';
    expect(await database.writer.write((manager) => countChanged(manager, statement, ['051']))).toBe(3);
    await expect(countChanged(database.dataSource.manager, statement, ['052'])).rejects.toThrow('Only a transaction');
  });
});
