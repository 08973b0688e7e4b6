import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OutcomeCounter } from '../../src/delivery/outcomes/outcome-counter.js';
import { describeOneDatabase } from '../support/databases.js';
import { useServer } from '../support/test-server.js';
import { contentsFor, newPhone, type Phone, PROVIDERS, push } from './phones.js';
import { sqlite } from './sqlite.js';

const STALE_MS = 1500;
const KEPT = 3;

describeOneDatabase('after an outage', (databases) => {
  const suite = useServer(databases, { tuning: { staleAfterMs: STALE_MS } });

  /** Pushes that are sent one after the other; returns their contents. */
  async function pushes(phone: Phone, count: number): Promise<string[]> {
    const sent: string[] = [];
    for (let index = 0; index < count; index++) sent.push(await push(suite.server, phone));
    return sent;
  }

  it.each(PROVIDERS)(
    'of %s a phone gets the newest few and one without content; the rest is counted',
    async (provider) => {
      suite.server.log.lines.length = 0;
      const phone = await newPhone(suite.server, provider);
      const quiet = await newPhone(suite.server, provider);
      await suite.gateways[provider].stopListening();
      // The oldest is the probe that shows that the provider is back.
      const only = await pushes(quiet, 1);
      const waiting = await pushes(phone, 10);
      await sleep(STALE_MS);
      await suite.gateways[provider].listenAgain();
      await suite.server.idle();
      const contents = contentsFor(suite.gateways, phone);
      expect(contents.filter((content) => content !== null).toSorted()).toEqual(waiting.slice(-KEPT).toSorted());
      expect(contents.filter((content) => content === null)).toHaveLength(1);
      expect(contentsFor(suite.gateways, quiet)).toEqual(only);
      suite.server.app.get(OutcomeCounter).report();
      const collapsed = 10 - KEPT - 1;
      expect(
        suite.server.log.find(`kind: 'folded', provider: '${provider}', reason: 'outage', count: ${collapsed}`),
      ).toHaveLength(1);
    },
  );

  it('that was short nothing is collapsed', async () => {
    const phone = await newPhone(suite.server, 'apns');
    await suite.gateways.apns.stopListening();
    const waiting = await pushes(phone, 10);
    await suite.gateways.apns.listenAgain();
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toHaveLength(10);
    expect(new Set(contentsFor(suite.gateways, phone))).toEqual(new Set(waiting));
  });
});

describe('an outage during which the clock is set', () => {
  const suite = useServer(sqlite());
  afterEach(() => void vi.restoreAllMocks());

  const HOUR_MS = 3_600_000;

  it.each(PROVIDERS.flatMap((provider) => [-HOUR_MS, HOUR_MS].map((byMs) => [provider, byMs] as const)))(
    'of %s, by %d ms, loses no push',
    async (provider, byMs) => {
      const phone = await newPhone(suite.server, provider);
      await suite.gateways[provider].stopListening();
      const sent = await Promise.all(Array.from({ length: 20 }, () => push(suite.server, phone)));
      const before = Date.now.bind(Date);
      vi.spyOn(Date, 'now').mockImplementation(() => before() + byMs);
      await suite.gateways[provider].listenAgain();
      await suite.server.idle(30_000);
      expect(contentsFor(suite.gateways, phone)).toHaveLength(sent.length);
      expect(new Set(contentsFor(suite.gateways, phone))).toEqual(new Set(sent));
    },
  );
});

describe('an outage that goes on after the first probes', () => {
  const suite = useServer(sqlite(), { tuning: { staleAfterMs: 200 } });

  it('does not wear pushes out: however often they were tried, the newest few arrive', async () => {
    const phone = await newPhone(suite.server, 'apns');
    suite.gateways.apns.faults.all({ kind: 'answer', answer: { status: 503 } });
    const sent = [await push(suite.server, phone), await push(suite.server, phone)];
    // Each probe tries a stale push and fails.
    await sleep(3000);
    expect(suite.gateways.apns.counts.requests).toBeGreaterThan(8);
    suite.gateways.apns.faults.clear();
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone)).toHaveLength(2);
    expect(new Set(contentsFor(suite.gateways, phone))).toEqual(new Set(sent));
  });
});
