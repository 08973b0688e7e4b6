import { describe, expect, it } from 'vitest';
import { type OnionVersion } from '../src/onion/protocol/onion-client.js';
import { describeEachDatabase } from './support/databases.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

describeEachDatabase('notify', (databases) => {
  const suite = useServer(databases);
  const received = () => suite.gateways.all.flatMap((gateway) => gateway.received.map(({ token }) => token)).toSorted();

  it('answers Success for somebody, for a group, for nobody and for data of any size', async () => {
    const [id, group] = [newId(), newId()];
    await suite.server.register(id, newIosToken());
    await suite.server.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey: id });
    for (const version of ['v2', 'v4'] as const) {
      for (const send_to of [id, group, newId()]) {
        for (const data of [newData(), 'x', 'y'.repeat(10_240), 'z'.repeat(300_000)]) {
          expect(await suite.server.send('notify', { send_to, data }, { version })).toEqual(SUCCESS);
        }
      }
    }
  });

  it('reaches every device of an id', async () => {
    const id = newId();
    const tokens = [newIosToken(), newIosToken(), newAndroidToken(), newHuaweiToken()];
    for (const token of tokens) await suite.server.register(id, token, token.startsWith('IQ') ? 'huawei' : undefined);
    await suite.server.notify(id, newData());
    await suite.server.idle();
    expect(received()).toEqual(tokens.toSorted());
  });

  it('does not reach a device that is unregistered or unknown', async () => {
    const [id, token] = [newId(), newIosToken()];
    await suite.server.register(id, token);
    await suite.server.register(id, newAndroidToken(), 'unknown');
    await suite.server.send('unregister', { token });
    await suite.server.notify(id, newData());
    await suite.server.idle();
    expect(received()).toEqual([]);
  });

  it('sends one push when the same request comes four times', async () => {
    const [id, data] = [newId(), newData()];
    await suite.server.register(id, newIosToken());
    const versions: OnionVersion[] = ['v2', 'v4', 'v4', 'v2'];
    const replies = await Promise.all(
      versions.map((version) => suite.server.send('notify', { send_to: id, data }, { version })),
    );
    expect(replies).toEqual([SUCCESS, SUCCESS, SUCCESS, SUCCESS]);
    await suite.server.notify(id, data);
    await suite.server.idle();
    expect(received()).toHaveLength(1);
  });

  it('sends two pushes for different data, and one each for two recipients of the same', async () => {
    const [first, second, data] = [newId(), newId(), newData()];
    const [firstToken, secondToken] = [newIosToken(), newIosToken()];
    await suite.server.register(first, firstToken);
    await suite.server.register(second, secondToken);
    await suite.server.notify(first, data);
    await suite.server.notify(first, newData());
    await suite.server.notify(second, data);
    await suite.server.idle();
    expect(received()).toEqual([firstToken, firstToken, secondToken].toSorted());
  });

  it('goes 1-1 to tokens that are registered in full only, and to a group to all', async () => {
    const [id, group] = [newId(), newId()];
    const [full, groupsOnly] = [newIosToken(), newAndroidToken()];
    await suite.server.register(id, full);
    await suite.server.send('register_legacy_groups_only', {
      pubKey: id,
      token: groupsOnly,
      legacyGroupPublicKeys: [group],
    });
    await suite.server.notify(id, newData());
    await suite.server.idle();
    expect(received()).toEqual([full]);
    await suite.server.notify(group, newData());
    await suite.server.idle();
    expect(received()).toEqual([full, full, groupsOnly].toSorted());
  });

  it('reaches both when a person and a group have one id, so that neither silences the other', async () => {
    const [id, token, member] = [newId(), newIosToken(), newAndroidToken()];
    const memberId = newId();
    await suite.server.register(id, token);
    await suite.server.register(memberId, member);
    await suite.server.send('subscribe_closed_group', { closedGroupPublicKey: id, pubKey: memberId });
    await suite.server.notify(id, newData());
    await suite.server.idle();
    expect(received()).toEqual([token, member].toSorted());
  });

  it('reaches the group of that id once the person has no device any more', async () => {
    const [id, token, memberId, member] = [newId(), newIosToken(), newId(), newAndroidToken()];
    await suite.server.register(id, token);
    await suite.server.register(memberId, member);
    await suite.server.send('subscribe_closed_group', { closedGroupPublicKey: id, pubKey: memberId });
    await suite.server.send('unregister', { token });
    await suite.server.notify(id, newData());
    await suite.server.idle();
    expect(received()).toEqual([member]);
  });

  describe('refuses', () => {
    it.each<[string, unknown, string]>([
      ['a number', 7, 'data must be a string'],
      ['a list', ['x'], 'data must be a string'],
      ['an object', { a: 1 }, 'data must be a string'],
      ['true', true, 'data must be a string'],
    ])('data that is %s', async (_what, data, message) => {
      expect(await suite.server.send('notify', { send_to: newId(), data })).toEqual({
        status: 400,
        body: { code: 0, message },
      });
    });

    it.each<[string, unknown, string]>([
      ['a list', [newId()], 'send_to must be a string'],
      ['a text of 256 characters', 'x'.repeat(256), 'send_to must be at most 255 characters'],
      ['a text with spaces', 'a b', 'send_to must be printable ASCII without spaces'],
    ])('a recipient that is %s', async (_what, sendTo, message) => {
      expect(await suite.server.send('notify', { send_to: sendTo, data: newData() })).toEqual({
        status: 400,
        body: { code: 0, message },
      });
    });
  });

  it('is answered while every push service is out of reach, and delivered when they are back', async () => {
    const [id, group] = [newId(), newId()];
    const tokens = [newIosToken(), newAndroidToken(), newHuaweiToken()];
    for (const token of tokens) await suite.server.register(id, token, token.startsWith('IQ') ? 'huawei' : undefined);
    await suite.server.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey: id });
    const { all } = suite.gateways;
    await Promise.all(all.map((gateway) => gateway.stopListening()));
    await suite.server.notify(id, newData());
    await suite.server.notify(group, newData());
    expect(await suite.server.queued()).not.toHaveLength(0);
    await Promise.all(all.map((gateway) => gateway.listenAgain()));
    await suite.server.idle(20_000);
    expect(received()).toEqual([...tokens, ...tokens].toSorted());
  });
});
