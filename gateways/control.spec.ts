import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApnsGateway, startApnsGateway } from './apns.gateway.js';
import { makeCredentials, makeVapidKey } from './certificates.js';
import { type Control, startControl } from './control.js';
import { type FcmGateway, startFcmGateway } from './fcm.gateway.js';
import { type HuaweiGateway, startHuaweiGateway } from './huawei.gateway.js';
import { openSession, post } from './spec-client.js';
import { startWebPushGateway, type WebPushGateway } from './webpush.gateway.js';
import { type SwarmNetwork, startSwarmNetwork } from './swarm/network.js';

let apns: ApnsGateway;
let fcm: FcmGateway;
let huawei: HuaweiGateway;
let webpush: WebPushGateway;
let network: SwarmNetwork;
let control: Control;
let push: (token: string) => Promise<number>;

beforeAll(async () => {
  const credentials = await makeCredentials();
  apns = await startApnsGateway({ credentials });
  fcm = await startFcmGateway({ credentials });
  huawei = await startHuaweiGateway({ credentials });
  webpush = await startWebPushGateway({ credentials });
  network = await startSwarmNetwork({ swarms: 2, nodesPerSwarm: 2 });
  control = await startControl({ apns, fcm, huawei, webpush, network });
  const session = await openSession(apns.url, { ca: credentials.authority.cert, ...credentials.apnsClient });
  push = async (token) =>
    (await post(session, `/3/device/${token}`, { 'apns-push-type': 'alert' }, '{"aps":{}}')).status;
});
afterAll(() => Promise.all([apns, fcm, huawei, webpush, network, control].map((one) => one.close())));

async function tell(method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }> {
  const response = await fetch(control.url + path, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, json: await response.json() };
}

const token = 'ab'.repeat(32);
const account = `05${'cd'.repeat(32)}`;

describe('the control of the stand-ins', () => {
  it('explains itself', async () => {
    expect(await (await fetch(control.url)).text()).toContain('POST   /store');
    expect(await tell('GET', '/elsewhere')).toMatchObject({ status: 404 });
  });

  it('takes every order that the README shows', async () => {
    const readme = await readFile(new URL('README.md', import.meta.url), 'utf8');
    const shown = [...readme.matchAll(/^curl (?:-X (\w+) )?-d '(.*)' \$C(\/\w+)$/gm)];
    expect(shown.length).toBeGreaterThan(5);
    for (const [line, method = 'POST', body = '', path = ''] of shown) {
      const { status } = await tell(method, path, body.replace('05...', account));
      expect([line, status]).toEqual([line, 200]);
    }
    await Promise.all([fcm.reset(), huawei.reset()]);
  }, 60_000);

  it('makes an endpoint for a phone without Google', async () => {
    const { json } = await tell('POST', '/endpoints', { applicationServerKey: makeVapidKey().applicationServerKey });
    const { endpoint } = json as { endpoint: string };
    expect(json).toEqual({
      endpoint: expect.stringContaining(webpush.url),
      p256dh: expect.any(String),
      auth: expect.any(String),
    });
    expect(await tell('POST', '/tokens', { provider: 'webpush', token: endpoint, state: 'gone' })).toMatchObject({
      status: 200,
    });
    expect(await tell('POST', '/endpoints', { applicationServerKey: 'x' })).toMatchObject({ status: 400 });
  });

  it('stores messages in the network', async () => {
    const data = Buffer.from('hello').toString('base64');
    const { json } = await tell('POST', '/store', { account, data });
    const members = network.membersOf(Buffer.from(account, 'hex'));
    expect(json).toEqual({
      hash: await network.store(Buffer.from(account, 'hex'), 0, Buffer.from('hello')),
      swarm: members[0]?.node.listed?.swarmId.toString(16),
      members: 2,
    });
  });

  it('stops and starts one node or all, and what lies before them', async () => {
    const [first] = network.members;
    const key = first?.node.keys.x25519.toString('hex');
    await tell('POST', '/nodes', { do: 'stop', key });
    expect(network.nodes.map(({ running }) => running)).toEqual([false, true, true, true]);
    const { json } = await tell('GET', '/nodes');
    expect(json).toMatchObject({ nodes: [{ key, running: false }, { running: true }, {}, {}] });
    expect(await tell('POST', '/nodes', { do: 'start' })).toEqual({ status: 200, json: { done: 4 } });
    expect(network.nodes.every(({ running }) => running)).toBe(true);
    await tell('POST', '/nodes', { do: 'refuse' });
    await expect(fetch(`http://127.0.0.1:${first?.proxy.port}`)).rejects.toThrow('fetch failed');
    await tell('POST', '/nodes', { do: 'no-zeromq' });
    expect((await fetch(`http://127.0.0.1:${first?.proxy.port}`)).status).toBe(400);
    for (const order of ['freeze', 'thaw', 'cut', 'restart', 'catch-up', 'pass']) {
      expect(await tell('POST', '/nodes', { do: order, key })).toMatchObject({ status: 200 });
    }
  });

  it('makes blocks', async () => {
    const { height } = network.chain.block;
    expect((await tell('POST', '/block', {})).json).toEqual({ height: height + 1 });
  });

  it('marks tokens and unmarks them', async () => {
    await tell('POST', '/tokens', { provider: 'apns', token, state: 'dead' });
    expect(await push(token)).toBe(410);
    await tell('DELETE', '/tokens', { provider: 'apns', token });
    expect(await push(token)).toBe(200);
    for (const provider of ['fcm', 'huawei']) {
      const { status } = await tell('POST', '/tokens', { provider, token, state: 'throttled', retryAfterSeconds: 3 });
      expect(status).toBe(200);
    }
  });

  it('plans faults and clears them', async () => {
    const fault = { kind: 'answer', answer: { status: 503, body: '{"reason":"Shutdown"}' } };
    await tell('POST', '/faults', { provider: 'apns', fault, next: 1 });
    expect([await push(token), await push(token)]).toEqual([503, 200]);
    await tell('POST', '/faults', { provider: 'apns', fault, token });
    expect([await push('00'.repeat(32)), await push(token), await push(token)]).toEqual([200, 503, 503]);
    await tell('POST', '/faults', { provider: 'apns', fault });
    await tell('DELETE', '/faults', { provider: 'apns' });
    expect(await push(token)).toBe(200);
  });

  it.each<[string, string, unknown, string]>([
    ['what is not JSON', '/store', '{', 'not JSON'],
    ['an account of another length', '/store', { account: '05', data: '' }, '66 hexadecimal digits'],
    ['an unknown order', '/nodes', { do: 'dance' }, 'Invalid option'],
    ['a key of nobody', '/nodes', { do: 'stop', key: '00' }, 'no node has this key'],
    ['a state of another provider', '/tokens', { provider: 'apns', token, state: 'malformed' }, 'Invalid option'],
    ['a key it does not know', '/block', { height: 5 }, 'Unrecognized key'],
  ])('refuses %s', async (_what, path, body, why) => {
    const { status, json } = await tell('POST', path, body);
    expect([status, (json as { error: string }).error]).toEqual([400, expect.stringContaining(why)]);
  });
});
