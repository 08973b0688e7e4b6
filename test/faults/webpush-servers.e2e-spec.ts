import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Fault } from '../../gateways/faults.js';
import { type ServedCertificate } from '../../gateways/gateway.js';
import { startWebPushGateway, type WebPushGateway } from '../../gateways/webpush.gateway.js';
import { type WebPushSubscription } from '../../gateways/webpush.phone.js';
import { DeliveryStatus } from '../../src/delivery/status/delivery-status.js';
import { queueWebPush } from '../support/queued-web-push.js';
import { useServer } from '../support/test-server.js';
import { sqlite } from './sqlite.js';

/**
 * - `waits`: what was sent during the fault arrives when it is over
 * - `passes`: it arrives all the same
 * - `refused`: it was dropped; sending it again would be wrong again
 */
type Outcome = 'waits' | 'passes' | 'refused';

interface ServerFault {
  readonly name: string;
  readonly outcome: Outcome;
  readonly begin: (server: WebPushGateway) => void | Promise<void>;
}

const answered = (status: number, outcome: Outcome, headers?: Record<string, string>): ServerFault => ({
  name: headers ? `${status} with ${Object.keys(headers).join()}` : String(status),
  outcome,
  begin: ({ faults }) => faults.all({ kind: 'answer', answer: { status, ...(headers && { headers }) } }),
});
const met = (name: string, fault: Fault): ServerFault => ({
  name,
  outcome: 'waits',
  begin: ({ faults }) => faults.all(fault),
});
const serving = (kind: ServedCertificate): ServerFault => ({
  name: `a certificate that is ${kind}`,
  outcome: 'waits',
  begin: (server) => server.serveCertificate(kind),
});

const FAULTS: readonly ServerFault[] = [
  ...[300, 301, 302, 307, 308, 401, 403, 408, 425, 429, 500, 502, 503, 504, 507, 599].map((status) =>
    answered(status, 'waits'),
  ),
  answered(503, 'waits', { 'retry-after': '2' }),
  answered(429, 'waits', { 'retry-after': '2' }),
  ...[400, 402, 405, 411, 413, 415, 422, 451].map((status) => answered(status, 'refused')),
  ...[200, 202, 204].map((status) => answered(status, 'passes')),
  met('no answer', { kind: 'stall' }),
  met('a connection that breaks', { kind: 'destroy' }),
  ...(['untrusted', 'expired', 'other-host'] as const).map(serving),
  { name: 'nobody there', outcome: 'waits', begin: (server) => server.stopListening() },
];

const PATIENCE = { timeout: 20_000, interval: 20 };

describe('one Web Push server that fails', () => {
  const suite = useServer(sqlite(), {
    env: { WEBPUSH_ALLOWED_HOSTS: 'localhost' },
    transports: { webpush: { requestTimeoutMs: 500, pauseMs: 100, longestPauseMs: 200 } },
    tuning: { retryMaxMs: 300, retryBaseMs: 50, pauseScale: 0.001 },
  });
  let other: WebPushGateway;
  beforeAll(async () => void (other = await startWebPushGateway({ credentials: suite.gateways.credentials })));
  afterAll(() => other.close());
  let phones: { one: WebPushSubscription; others: WebPushSubscription };
  beforeEach(() => {
    const key = suite.gateways.credentials.vapidKey.applicationServerKey;
    phones = { one: suite.gateways.webpush.subscribe(key), others: other.subscribe(key) };
  });

  const push = (phone: WebPushSubscription) => queueWebPush(suite.server, phone);
  const arrived = (server: WebPushGateway, { endpoint }: WebPushSubscription): number =>
    server.received.filter(({ token }) => token === endpoint).length;
  const provider = () =>
    suite.server.app
      .get(DeliveryStatus)
      .providers()
      .find((one) => one.provider === 'webpush');

  it.each(FAULTS)('with $name: its pushes are $outcome, and no other device notices', async ({ outcome, begin }) => {
    const { webpush } = suite.gateways;
    await begin(webpush);
    const triesBefore = webpush.counts.requests;
    for (let sent = 0; sent < 4; sent++) await push(phones.one);
    for (let sent = 0; sent < 4; sent++) await push(phones.others);
    // What takes too long on a busy machine is sent again, and then arrives twice.
    await vi.waitUntil(() => arrived(other, phones.others) >= 4, PATIENCE);
    expect(provider()).toMatchObject({ breaker: 'closed', trouble: null, removalPaused: false });
    if (outcome === 'waits') {
      expect(arrived(webpush, phones.one)).toBe(0);
      await webpush.reset();
      await vi.waitUntil(() => arrived(webpush, phones.one) >= 4, PATIENCE);
    }
    await suite.server.idle(20_000);
    if (outcome === 'refused') expect(arrived(webpush, phones.one)).toBe(0);
    else if (outcome === 'passes') expect(webpush.counts.requests - triesBefore).toBeGreaterThanOrEqual(4);
    await other.reset();
  });
});
