import { expect, it, vi } from 'vitest';
import { huaweiAnswer } from '../../gateways/huawei.answers.js';
import { ClosedGroupMember } from '../../src/closed-groups/closed-group-member.entity.js';
import { ClosedGroup } from '../../src/closed-groups/closed-group.entity.js';
import { Device } from '../../src/devices/device.entity.js';
import { describeOneDatabase } from '../support/databases.js';
import { newHuaweiToken, newId } from '../support/people.js';
import { useServer } from '../support/test-server.js';
import { push } from './phones.js';

describeOneDatabase('a message for many Huawei devices', (databases) => {
  const suite = useServer(databases);

  /** A group whose members have so many devices together; written as registration would, but at once. */
  async function newGroup(devices: number): Promise<{ id: string; tokens: string[] }> {
    const id = newId();
    const tokens = Array.from({ length: devices }, newHuaweiToken);
    const rows = tokens.map((token, index) => ({
      token,
      sessionId: `${id}-${index % 900}`,
      deviceType: 'huawei' as const,
      legacyGroupsOnly: false,
      registeredAt: Date.now(),
      apnsEnvironment: null,
    }));
    const members = [...new Set(rows.map(({ sessionId }) => sessionId))].map((sessionId) => ({
      groupId: id,
      sessionId,
    }));
    const { manager } = suite.server.dataSource;
    await manager.insert(ClosedGroup, { groupId: id, changedAt: Date.now() });
    for (let from = 0; from < rows.length; from += 100) await manager.insert(Device, rows.slice(from, from + 100));
    for (let from = 0; from < members.length; from += 100) {
      await manager.insert(ClosedGroupMember, members.slice(from, from + 100));
    }
    return { id, tokens };
  }

  const sends = () => suite.gateways.huawei.requests.filter(({ path }) => path.endsWith('messages:send'));
  const sizes = () => sends().map(({ tokens }) => tokens.length);
  const left = (tokens: readonly string[]) =>
    suite.server.dataSource
      .getRepository(Device)
      .find({ select: { token: true } })
      .then((rows) => tokens.filter((token) => rows.some((row) => row.token === token)));

  it('goes out in one request for all of them', async () => {
    const group = await newGroup(250);
    await push(suite.server, group);
    await suite.server.idle();
    expect(sizes()).toEqual([250]);
  });

  it('goes out page by page when they are very many, with one request for each page', async () => {
    const group = await newGroup(2500);
    const data = await push(suite.server, group);
    await suite.server.idle();
    // 900 members, fifty to a page.
    expect(sizes()).toHaveLength(18);
    expect(new Set(sends().map(({ rawBody }) => JSON.parse(rawBody.toString()).message.data))).toEqual(new Set([data]));
    expect(suite.gateways.huawei.received.map(({ token }) => token).toSorted()).toEqual(group.tokens.toSorted());
  });

  it('goes out in few requests after an outage too', async () => {
    const group = await newGroup(250);
    suite.gateways.huawei.faults.next(1, { kind: 'answer', answer: huaweiAnswer('81000001') });
    await push(suite.server, group);
    await suite.server.idle();
    const [first, ...later] = sizes();
    expect(first).toBe(250);
    expect(later.length).toBeLessThanOrEqual(8);
    expect(suite.gateways.huawei.received).toHaveLength(250);
  });

  it('removes exactly the illegal tokens, and repeats nothing for the others', async () => {
    const group = await newGroup(1000);
    const illegal = group.tokens.filter((_, index) => index % 250 === 7);
    for (const token of illegal) suite.gateways.huawei.mark(token, 'dead');
    await push(suite.server, group);
    await vi.waitUntil(async () => (await left(illegal)).length === 0, { timeout: 10_000 });
    await suite.server.idle();
    expect(await left(group.tokens)).toHaveLength(996);
    expect(suite.gateways.huawei.received).toHaveLength(996);
  });

  it('that HMS finds all invalid is asked about one by one before any token goes', async () => {
    const group = await newGroup(100);
    const [good, ...others] = group.tokens as [string, ...string[]];
    suite.gateways.huawei.faults.next(1, { kind: 'answer', answer: huaweiAnswer('80300007') });
    await push(suite.server, group);
    await suite.server.idle();
    expect(await left(group.tokens)).toHaveLength(100);
    expect(suite.gateways.huawei.received.map(({ token }) => token).toSorted()).toEqual([good, ...others].toSorted());
  });
});
