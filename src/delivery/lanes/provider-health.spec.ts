import { Logger } from '@nestjs/common';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { RecordingLogger } from '../../../test/support/recording-logger.js';
import { type OperatorEvent, OperatorEvents } from '../../operator/operator-events.js';
import { adviceFor } from './operator-advice.js';
import { ProviderHealth } from './provider-health.js';

describe('ProviderHealth', () => {
  let logger: RecordingLogger;
  let health: ProviderHealth;
  let events: OperatorEvent[];
  beforeEach(() => {
    logger = new RecordingLogger();
    Logger.overrideLogger(logger);
    events = [];
    const operator = new OperatorEvents();
    operator.on((event) => events.push(event));
    health = new ProviderHealth('apns', operator);
  });
  afterAll(() => Logger.overrideLogger(true));

  it('tells about a trouble once, and about its end', () => {
    for (let now = 0; now < 10; now++) health.failing('provider-down', 'timeout', now);
    health.working();
    health.working();
    expect(logger.lines).toHaveLength(2);
    expect(logger.lines[0]).toContain('unhealthy');
    expect(logger.lines[1]).toContain('works again');
    expect(events).toEqual([
      { kind: 'provider-unhealthy', provider: 'apns', cause: 'provider-down', reason: 'timeout', advice: null },
      { kind: 'provider-working', provider: 'apns' },
    ]);
  });

  it('is one alert for one outage, whatever reasons it shows, and another when there is something to do', () => {
    const reasons = ['ConnectionLost', 'ConnectFailed', 'ConnectTimeout', 'Http503', 'ConnectFailed', 'Timeout'];
    for (const [now, reason] of reasons.entries()) health.failing('provider-down', reason, now);
    expect(events.map((event) => 'reason' in event && event.reason)).toEqual(['ConnectionLost']);
    expect(logger.find('unhealthy')).toHaveLength(reasons.length);
    for (let now = 10; now < 20; now++) {
      health.failing('credential', 'InvalidProviderToken', now);
      health.failing('provider-down', 'ConnectFailed', now);
    }
    expect(events.map((event) => 'reason' in event && event.reason)).toEqual([
      'ConnectionLost',
      'InvalidProviderToken',
    ]);
    health.working();
    health.failing('provider-down', 'ConnectFailed', 30);
    expect(events.slice(2).map(({ kind }) => kind)).toEqual(['provider-working', 'provider-unhealthy']);
  });

  it('knows since when, also when the reason changes', () => {
    health.failing('provider-down', 'timeout', 100);
    const since = health.unhealthyBecause?.since;
    health.failing('credential', 'InvalidProviderToken', 200);
    expect(Math.abs(Date.now() - (since ?? 0))).toBeLessThan(60_000);
    expect(health.unhealthyBecause).toEqual({ cause: 'credential', reason: 'InvalidProviderToken', since });
    health.working();
    expect(health.unhealthyBecause).toBeNull();
  });

  it('tells the operator what to do when it is theirs to do', () => {
    health.failing('wrong-address', 'DeviceTokenNotForTopic', 0);
    expect(logger.find(adviceFor('DeviceTokenNotForTopic'))).toHaveLength(1);
    health.failing('provider-down', 'timeout', 0);
    expect(logger.find('advice')).toHaveLength(1);
  });

  it('has advice for reasons that it does not know', () => {
    expect(adviceFor('NeverHeardOf')).toContain('settings');
  });

  it('does not flood the log when one foreign token among good ones comes and goes', () => {
    for (let now = 0; now < 60_000; now += 1000) {
      health.failing('wrong-address', 'DeviceTokenNotForTopic', now);
      health.working();
    }
    expect(logger.find('unhealthy')).toHaveLength(1);
    expect(logger.find('works again')).toHaveLength(1);
  });

  it('tells a trouble that another process knew once more when it meets it, and that it is over', () => {
    health.restore({ cause: 'credential', reason: 'InvalidProviderToken', since: 5 });
    expect([health.unhealthyBecause?.since, logger.lines]).toEqual([5, []]);
    for (let now = 0; now < 3; now++) health.failing('credential', 'InvalidProviderToken', now);
    expect(logger.find('unhealthy')).toHaveLength(1);
    health.working();
    expect(logger.find('works again')).toHaveLength(1);
  });
});
