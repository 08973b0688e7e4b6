import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ApnsGateway, startApnsGateway } from '../../gateways/apns.gateway.js';
import { describeEachDatabase } from '../support/databases.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { sqlite } from './sqlite.js';
import { TestServer } from '../support/test-server.js';
import { contentsFor, newPhone, type Phone, push } from './phones.js';

describeEachDatabase('both environments of APNs', (databases) => {
  let gateways: TestGateways;
  let sandbox: ApnsGateway;
  let server: TestServer;

  beforeAll(async () => {
    gateways = await startGateways();
    sandbox = await startApnsGateway({ credentials: gateways.credentials });
    server = await TestServer.start({
      database: await databases.create(),
      gateways,
      env: { APNS_ENVIRONMENT: 'both', APNS_SANDBOX_URL: sandbox.url },
    });
  });
  beforeEach(() => Promise.all([gateways.reset(), sandbox.reset()]));
  afterAll(async () => {
    await server.close();
    await Promise.all([gateways.close(), sandbox.close()]);
  });

  const triesAt = (gateway: ApnsGateway, { token }: Phone) =>
    gateway.requests.filter(({ tokens }) => tokens.includes(token)).length;
  const remembered = (phone: Phone, environment: string) =>
    vi.waitUntil(async () => (await server.device(phone.token))?.apnsEnvironment === environment, { timeout: 5000 });

  /** A phone with a development build. */
  async function developer(): Promise<Phone> {
    const phone = await newPhone(server, 'apns');
    gateways.apns.mark(phone.token, 'other-environment');
    return phone;
  }

  async function pushAndWait(phone: Phone): Promise<string> {
    const data = await push(server, phone);
    await server.idle();
    return data;
  }

  it('serve release and development builds from one server', async () => {
    const release = await newPhone(server, 'apns');
    sandbox.mark(release.token, 'other-environment');
    const development = await developer();
    const toRelease = await pushAndWait(release);
    await pushAndWait(development);
    expect(contentsFor(gateways, release)).toEqual([toRelease]);
    expect(sandbox.received.map(({ token }) => token)).toEqual([development.token]);
    await remembered(release, 'production');
    await remembered(development, 'sandbox');
  });

  it('are asked once: the answer is remembered, over a restart too', async () => {
    const phone = await developer();
    await pushAndWait(phone);
    await remembered(phone, 'sandbox');
    await pushAndWait(phone);
    await server.restart();
    await pushAndWait(phone);
    expect([triesAt(gateways.apns, phone), triesAt(sandbox, phone)]).toEqual([1, 3]);
  });

  it('are asked again when a phone changes from one to the other', async () => {
    const phone = await developer();
    await pushAndWait(phone);
    await remembered(phone, 'sandbox');
    gateways.apns.unmark(phone.token);
    sandbox.mark(phone.token, 'other-environment');
    const data = await pushAndWait(phone);
    await remembered(phone, 'production');
    expect(contentsFor(gateways, phone)).toEqual([data]);
  });

  it('remove a token that both call bad, with the same care', async () => {
    const well = await newPhone(server, 'apns');
    await pushAndWait(well);
    const phone = await developer();
    sandbox.mark(phone.token, 'other-environment');
    await push(server, phone);
    await vi.waitUntil(async () => (await server.device(phone.token)) === null, { timeout: 8000 });
    await server.idle();
    expect([triesAt(gateways.apns, phone), triesAt(sandbox, phone)]).toEqual([1, 1]);
  });
});

describe.each(['production', 'sandbox'] as const)('APNS_ENVIRONMENT=%s', (environment) => {
  const databases = sqlite();
  it('asks that one only', async () => {
    const gateways = await startGateways();
    const sandbox = await startApnsGateway({ credentials: gateways.credentials });
    const server = await TestServer.start({
      database: await databases.create(),
      gateways,
      env: { APNS_ENVIRONMENT: environment, APNS_SANDBOX_URL: sandbox.url },
    });
    try {
      await push(server, await newPhone(server, 'apns'));
      await server.idle();
      const asked = environment === 'sandbox' ? [0, 1] : [1, 0];
      expect([gateways.apns.counts.requests, sandbox.counts.requests]).toEqual(asked);
    } finally {
      await server.close();
      await Promise.all([gateways.close(), sandbox.close()]);
    }
  });
});
