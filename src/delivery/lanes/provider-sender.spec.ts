import { legacyContent } from '../../providers/push-content.js';
import { Logger } from '@nestjs/common';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { letPass, stopBothClocks } from '../../../test/support/both-clocks.js';
import { RecordingLogger } from '../../../test/support/recording-logger.js';
import { DELIVERED, ScriptedTransport } from '../../../test/support/scripted-transport.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { type DeliveryResult, type PushTarget, type RetryCause } from '../../providers/push-transport.js';
import { DEFAULT_DELIVERY_TUNING, type DeliveryTuning, LONGEST_PAUSE_MS } from '../delivery-tuning.js';
import { OutcomeCounter } from '../outcomes/outcome-counter.js';
import { type AddressedPush, ProviderSender } from './provider-sender.js';

const NOW = 1_800_000_000_000;

const retry = (cause: RetryCause, retryAfterMs?: number): DeliveryResult => ({
  outcome: 'retry',
  cause,
  reason: 'Reason',
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});
const known = (token: string): PushTarget => ({ token, registeredAt: 1, apnsEnvironment: null, acceptedAt: NOW });
/** Of somebody who has just registered it; it may be made up. */
const stranger = (token: string): PushTarget => ({ token, registeredAt: NOW, apnsEnvironment: null });
const pushTo = (...tokens: string[]): AddressedPush => ({
  notificationId: 'n',
  recipient: `owner of ${tokens[0]}`,
  content: legacyContent('x'),
  urgency: 'high',
  expiresAt: NOW + 1000,
  targets: tokens.map(known),
});

describe('ProviderSender', () => {
  let transport: ScriptedTransport;
  let sender: ProviderSender;
  const open = (provider: ScriptedTransport, tuning: Partial<DeliveryTuning> = {}) => {
    transport = provider;
    sender = new ProviderSender(
      transport,
      { ...DEFAULT_DELIVERY_TUNING, ...tuning },
      new OutcomeCounter(new MetricsService()),
      new OperatorEvents(),
    );
  };
  /** The outcomes of one request; null = it was not sent. */
  const send = async (...tokens: string[]) => {
    const sent = await sender.send(() => [pushTo(...(tokens.length ? tokens : ['t']))]);
    return sent?.flatMap(({ results }) => results.map(({ outcome }) => outcome)) ?? null;
  };
  const sendOften = (count: number) => Promise.all(Array.from({ length: count }, () => send()));

  beforeAll(() => Logger.overrideLogger(new RecordingLogger()));
  beforeEach(() => {
    stopBothClocks(NOW);
    open(new ScriptedTransport('apns'));
  });
  afterEach(() => {
    vi.useRealTimers();
    transport.expectNothingElse();
  });

  it('gives each part with its results', async () => {
    const parts = [pushTo('a'), pushTo('b')];
    transport.next(DELIVERED, retry('provider-down'));
    expect(await sender.send(() => parts)).toEqual([
      { part: parts[0], results: [DELIVERED] },
      { part: parts[1], results: [retry('provider-down')] },
    ]);
  });

  it('never has more requests in flight than the transport wants', async () => {
    open(new ScriptedTransport('fcm', 1, 3));
    let inFlight = 0;
    let most = 0;
    transport.always(async () => {
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight--;
      return [DELIVERED];
    });
    await sendOften(20);
    expect([most, transport.sent.length]).toEqual([3, 20]);
  });

  it('hears nothing about the provider from a server that a device chose', async () => {
    open(new ScriptedTransport('webpush', 1), { breakerThreshold: 2 });
    transport.always(retry('host-down', 60_000));
    await sendOften(20);
    expect(sender.breakerState()).toBe('closed');
    expect(sender.health.unhealthyBecause).toBeNull();
    expect(transport.sent).toHaveLength(20);
  });

  it('tells how many more requests may wait in memory', async () => {
    open(new ScriptedTransport('fcm', 1, 1), { maxProviderBacklog: 5 });
    transport.always(DELIVERED);
    expect(sender.room()).toBe(5);
    const sends = sendOften(4);
    expect(sender.room()).toBeLessThan(5);
    await sends;
    expect(sender.room()).toBe(5);
  });

  it('asks what to send only when its turn has come', async () => {
    open(new ScriptedTransport('fcm', 1, 1));
    transport.always(DELIVERED);
    const first = send();
    let asked = false;
    const second = sender.send(() => {
      asked = true;
      return [];
    });
    await Promise.resolve();
    expect(asked).toBe(false);
    await first;
    expect(await second).toEqual([]);
  });

  it('sends nothing any more once it is stopped, and ends what is under way', async () => {
    open(new ScriptedTransport('fcm', 1, 1));
    let end: (results: DeliveryResult[]) => void = () => undefined;
    transport.next(() => new Promise((resolve) => (end = resolve)));
    const underWay = send();
    const waiting = send();
    await vi.waitFor(() => expect(transport.sent).toHaveLength(1), { timeout: 10_000 });
    sender.stop();
    end([DELIVERED]);
    expect(await underWay).toEqual(['delivered']);
    expect(await waiting).toBeNull();
    expect(sender.room()).toBe(0);
  });

  it('sends again at once what the provider never looked at, those devices only', async () => {
    open(new ScriptedTransport('huawei', 10));
    transport.next(
      [DELIVERED, retry('not-processed'), retry('not-processed')],
      [retry('not-processed'), DELIVERED],
      DELIVERED,
    );
    expect(await send('a', 'b', 'c')).toEqual(['delivered', 'delivered', 'delivered']);
    expect(transport.sent.map(({ targets }) => targets.map(({ token }) => token))).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c'],
      ['b'],
    ]);
  });

  it('leaves it for later after three times', async () => {
    transport.always(retry('not-processed'));
    expect(await send()).toEqual(['retry']);
    expect(transport.sent).toHaveLength(4);
  });

  it('opens after failures in a row and sends nothing while it is open', async () => {
    transport.next(...new Array<DeliveryResult>(5).fill(retry('provider-down')));
    await sendOften(5);
    expect(sender.breakerState()).toBe('open');
    expect(await send()).toBeNull();
    expect(sender.health.unhealthyBecause).toMatchObject({ cause: 'provider-down' });
  });

  it('closes after a probe that is delivered', async () => {
    transport.next(retry('credential'));
    await send();
    expect(sender.breakerState()).toBe('open');
    letPass(5000);
    expect(sender.breakerState()).toBe('probing');
    transport.next(DELIVERED);
    expect(await send()).toEqual(['delivered']);
    expect(sender.breakerState()).toBe('closed');
    expect(sender.health.unhealthyBecause).toBeNull();
  });

  it('lets one probe go at a time', async () => {
    transport.next(retry('credential'));
    await send();
    letPass(5000);
    transport.next(DELIVERED);
    const [probe, other] = await Promise.all([send(), send()]);
    expect([probe, other]).toEqual([['delivered'], null]);
  });

  it('lets the next probe go when one had nothing to send', async () => {
    transport.next(retry('credential'));
    await send();
    letPass(5000);
    expect(await sender.send(() => [])).toEqual([]);
    expect(sender.breakerState()).toBe('probing');
  });

  it('lets the next probe go when one threw', async () => {
    transport.next(retry('credential'));
    await send();
    letPass(5000);
    transport.next(() => Promise.reject(new Error('broken')));
    await expect(send()).rejects.toThrow('broken');
    expect(sender.breakerState()).toBe('probing');
  });

  it.each(['credential', 'configuration', 'provider-throttled'] as const)('opens at once on %s', async (cause) => {
    transport.next(retry(cause));
    await send();
    expect(sender.breakerState()).toBe('open');
    expect(sender.health.unhealthyBecause).toMatchObject({ cause });
  });

  it.each(['device-throttled', 'wrong-address', 'provider-down', 'outcome-unknown'] as const)(
    'does not open on a single %s',
    async (cause) => {
      transport.next(DELIVERED, retry(cause));
      await send();
      await send();
      expect(sender.breakerState()).toBe('closed');
    },
  );

  it('waits as long as a throttling provider asks', async () => {
    transport.next(retry('provider-throttled', 90_000));
    await send();
    letPass(89_999);
    expect(sender.breakerState()).toBe('open');
    letPass(1);
    expect(sender.breakerState()).toBe('probing');
  });

  it('stays open when a request that was under way before is delivered after all', async () => {
    let end: (results: DeliveryResult[]) => void = () => undefined;
    transport.next(() => new Promise((resolve) => (end = resolve)), retry('provider-throttled', 90_000));
    const early = send();
    await send();
    end([DELIVERED]);
    expect(await early).toEqual(['delivered']);
    expect(sender.breakerState()).toBe('open');
    expect(sender.health.unhealthyBecause).toMatchObject({ cause: 'provider-throttled' });
  });

  it('takes one failed request for one failure, however many devices it carries', async () => {
    open(new ScriptedTransport('huawei', 1000));
    transport.next(retry('provider-down'));
    await send(...Array.from({ length: 100 }, (_, index) => `t${index}`));
    expect(sender.breakerState()).toBe('closed');
  });

  it('takes the provider for working when it works for any device of a request', async () => {
    open(new ScriptedTransport('huawei', 1000), { breakerThreshold: 1 });
    transport.next([retry('wrong-address'), DELIVERED, retry('outcome-unknown')]);
    await send('a', 'b', 'c');
    expect(sender.breakerState()).toBe('closed');
  });

  it('holds everything back when nobody is known under our settings', async () => {
    transport.next(...new Array<DeliveryResult>(5).fill(retry('wrong-address')));
    for (let phone = 0; phone < 5; phone++) await send(`t${phone}`);
    expect(sender.breakerState()).toBe('open');
    expect(sender.health.unhealthyBecause).toMatchObject({ cause: 'wrong-address' });
  });

  it('holds nobody back for the odd devices of one person, nor for one device in many groups', async () => {
    transport.always(retry('wrong-address'));
    for (let phone = 0; phone < 10; phone++) {
      await sender.send(() => [{ ...pushTo(`t${phone}`), recipient: 'one and the same' }]);
      await sender.send(() => [{ ...pushTo('t0'), recipient: `group ${phone}` }]);
    }
    expect(sender.breakerState()).toBe('closed');
  });

  describe('among tokens that it never accepted', () => {
    const sendToStranger = async (token: string, recipient = `owner of ${token}`) => {
      const sent = await sender.send(() => [{ ...pushTo(token), recipient, targets: [stranger(token)] }], false);
      return sent?.flatMap(({ results }) => results.map(({ outcome }) => outcome)) ?? null;
    };
    const flood = async (count: number) => {
      for (let made = 0; made < count; made++) await sendToStranger(`made up ${made}`);
    };
    const acceptOnce = async () => {
      transport.next(DELIVERED);
      await send('real');
    };
    const wrongSettings = async () => {
      transport.next(...new Array<DeliveryResult>(5).fill(retry('wrong-address')));
      for (let phone = 0; phone < 5; phone++) await send(`t${phone}`);
    };

    it.each([retry('wrong-address'), { outcome: 'token-gone', reason: 'BadDeviceToken' } as const])(
      'stays open to others on a quiet server, and nobody is told to look at the settings: %o',
      async (answer) => {
        await acceptOnce();
        letPass(DEFAULT_DELIVERY_TUNING.brakeWindowMs + 1);
        transport.always(answer);
        await flood(50);
        expect([sender.breakerState(), sender.health.unhealthyBecause]).toEqual(['closed', null]);
      },
    );

    it('stays open to others after a restart', async () => {
      sender.restore({ hasDelivered: true, trouble: null, openUntil: null });
      transport.always(retry('wrong-address'));
      await flood(50);
      expect([sender.breakerState(), sender.health.unhealthyBecause]).toEqual(['closed', null]);
    });

    it('tells the operator of a new server, where nobody was known yet, and holds nobody up', async () => {
      transport.always(retry('wrong-address'));
      await flood(50);
      expect(sender.breakerState()).toBe('closed');
      expect(sender.health.unhealthyBecause).toMatchObject({ cause: 'wrong-address' });
      await acceptOnce();
      expect(sender.health.unhealthyBecause).toBeNull();
    });

    it('is not held up by tokens that our app has no right to', async () => {
      transport.always(retry('configuration'));
      await flood(50);
      expect(sender.breakerState()).toBe('closed');
    });

    it('takes phones that are registered for long as known while it never accepted any', async () => {
      transport.always(retry('wrong-address'));
      for (let phone = 0; phone < 5; phone++) {
        const target = { ...stranger(`t${phone}`), registeredAt: NOW - 8 * 86_400_000 };
        await sender.send(() => [{ ...pushTo(`t${phone}`), targets: [target] }]);
      }
      expect(sender.breakerState()).toBe('open');
    });

    it('does not keep the breaker open with what they are answered', async () => {
      await acceptOnce();
      letPass(DEFAULT_DELIVERY_TUNING.brakeWindowMs + 1);
      await wrongSettings();
      letPass(5000);
      transport.always(retry('wrong-address'));
      // They are no probes while there may be better ones, and when there are none, they decide nothing.
      await flood(20);
      letPass(DEFAULT_DELIVERY_TUNING.breakerMaxMs);
      await flood(20);
      expect(sender.breakerState()).toBe('probing');
      transport.next(DELIVERED);
      expect(await send('real')).toEqual(['delivered']);
      expect(sender.breakerState()).toBe('closed');
    });

    it('finds out with them that a provider which was down looks at tokens again', async () => {
      transport.next(...new Array<DeliveryResult>(5).fill(retry('provider-down')));
      await sendOften(5);
      letPass(5000);
      transport.next(retry('wrong-address'));
      await sendToStranger('made up');
      expect([sender.breakerState(), sender.health.unhealthyBecause]).toEqual(['closed', null]);
    });
  });

  describe('after a restart', () => {
    const restarted = (state = sender.state()) => {
      open(new ScriptedTransport('apns'));
      if (state) sender.restore(state);
    };

    it('keeps to a pause that the provider asked for', async () => {
      transport.next(retry('provider-throttled', 90_000));
      await send();
      restarted();
      expect(await send()).toBeNull();
      letPass(90_000);
      expect(sender.breakerState()).toBe('probing');
    });

    it('probes at once what may have been mended', async () => {
      transport.next(retry('credential'));
      await send();
      restarted();
      expect(sender.breakerState()).toBe('probing');
      transport.next(DELIVERED);
      await send();
      expect([sender.breakerState(), sender.health.unhealthyBecause]).toEqual(['closed', null]);
    });

    it('never waits for longer than any pause, whatever was noted', () => {
      restarted({ hasDelivered: true, trouble: null, openUntil: NOW + 1e12 });
      letPass(LONGEST_PAUSE_MS);
      expect(sender.breakerState()).toBe('probing');
    });

    it('knows nothing when there was nothing to know', () => {
      expect(sender.state()).toBeNull();
    });
  });

  it('opens and closes by a clock that does not step', async () => {
    transport.next(retry('credential'));
    await send();
    vi.setSystemTime(NOW - 3_600_000);
    letPass(5000);
    expect(sender.breakerState()).toBe('probing');
  });

  it('does not hold others back for devices that are not known, where others are', async () => {
    transport.next(DELIVERED, ...new Array<DeliveryResult>(4).fill(retry('wrong-address')));
    for (let request = 0; request < 5; request++) await send();
    expect(sender.breakerState()).toBe('closed');
  });
});
