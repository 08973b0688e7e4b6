import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import { DAY_MS } from '../config/durations.js';
import { countAllRows } from '../database/table-pages.js';
import { Device } from '../devices/device.entity.js';
import { ClosedGroupMember } from './closed-group-member.entity.js';
import { DevicelessMembersService } from './deviceless-members.service.js';

const KEEP_MS = 30 * DAY_MS;
const NOW = 1_800_000_000_000;

describeEachDatabase('members of closed groups without a device', (databases) => {
  const database = useTestDatabase(databases);
  let service: DevicelessMembersService;
  beforeEach(() => void (service = new DevicelessMembersService(database.dataSource, database.writer)));
  afterEach(async () => {
    await database.dataSource.getRepository(Device).clear();
  });

  const join = (groupId: string, ...ids: string[]) =>
    database.writer.write((manager) =>
      manager.insert(
        ClosedGroupMember,
        ids.map((sessionId) => ({ groupId, sessionId })),
      ),
    );
  const giveDevice = (sessionId: string) =>
    database.writer.write((manager) =>
      manager.query(
        `INSERT INTO devices (token, session_id, device_type, legacy_groups_only, registered_at) VALUES (?, ?, 'ios', 0, 0)`,
        [`token of ${sessionId}`, sessionId],
      ),
    );
  const takeDevice = (sessionId: string) => database.writer.write((manager) => manager.delete(Device, { sessionId }));
  const members = async () => {
    const rows = await database.dataSource.getRepository(ClosedGroupMember).find();
    return rows.map(({ groupId, sessionId }) => `${groupId} ${sessionId}`).toSorted();
  };

  /** All, and those that are noted to have no device. */
  const counted = () => {
    const { manager } = database.dataSource;
    const columns = [undefined, 'deviceless_since'];
    return Promise.all(columns.map((column) => countAllRows(manager, 'closed_group_members', column)));
  };

  it('go after thirty days, those with a device stay', async () => {
    await join('a', 'with', 'without');
    await join('b', 'with');
    await giveDevice('with');
    expect(await service.sweep(NOW, KEEP_MS)).toBe(0);
    expect(await counted()).toEqual([3, 1]);
    expect(await service.sweep(NOW + KEEP_MS - 1, KEEP_MS)).toBe(0);
    expect(await service.sweep(NOW + KEEP_MS, KEEP_MS)).toBe(1);
    expect(await members()).toEqual(['a with', 'b with']);
  });

  it('begin anew when they had one in between', async () => {
    await join('a', 'someone');
    await service.sweep(NOW, KEEP_MS);
    await giveDevice('someone');
    await service.sweep(NOW + DAY_MS, KEEP_MS);
    await takeDevice('someone');
    await service.sweep(NOW + 2 * DAY_MS, KEEP_MS);
    await service.sweep(NOW + KEEP_MS + DAY_MS, KEEP_MS);
    expect(await members()).toEqual(['a someone']);
    await service.sweep(NOW + KEEP_MS + 2 * DAY_MS, KEEP_MS);
    expect(await members()).toEqual([]);
  });

  it('are all looked at, in groups that are larger and smaller than a page', async () => {
    const ids = (count: number) => Array.from({ length: count }, (_, index) => `m${String(index).padStart(4, '0')}`);
    await join('large', ...ids(700));
    await join('larger', ...ids(600));
    for (let group = 0; group < 30; group++) await join(`small ${group}`, 'm0000', 'm0001');
    await giveDevice('m0001');
    await service.sweep(NOW, KEEP_MS);
    expect(await service.sweep(NOW + KEEP_MS, KEEP_MS)).toBe(699 + 599 + 30);
    expect(await members()).toHaveLength(32);
  });
});
