import { Logger } from '@nestjs/common';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { RecordingLogger } from '../../../test/support/recording-logger.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { OutcomeCounter } from './outcome-counter.js';

describe('OutcomeCounter', () => {
  let logger: RecordingLogger;
  let metrics: MetricsService;
  let outcomes: OutcomeCounter;
  beforeEach(() => {
    logger = new RecordingLogger();
    Logger.overrideLogger(logger);
    metrics = new MetricsService();
    outcomes = new OutcomeCounter(metrics);
  });
  afterAll(() => Logger.overrideLogger(true));

  const pushes = async () =>
    (await metrics.registry.metrics()).split('\n').filter((line) => /^session_push_(pushes|retries)/.test(line));

  it('sums what is not sent up by kind, provider and reason', () => {
    outcomes.dropped('refused', 'apns', 1, 'BadTopic');
    outcomes.dropped('refused', 'apns', 2, 'BadTopic');
    outcomes.dropped('refused', 'fcm', 1, 'BadTopic');
    outcomes.dropped('expired', 'apns', 5);
    outcomes.report();
    expect(logger.lines).toHaveLength(3);
    expect(logger.find("provider: 'apns', reason: 'BadTopic', count: 3")).toHaveLength(1);
    expect(logger.find("kind: 'expired', provider: 'apns', reason: 'expired', count: 5")).toHaveLength(1);
  });

  it('tells each drop once, and nothing when nothing was dropped', () => {
    outcomes.dropped('folded', 'all', 0);
    outcomes.report();
    outcomes.dropped('folded', 'all', 1);
    outcomes.report();
    outcomes.report();
    expect(logger.lines).toHaveLength(1);
  });

  it('counts every answer as a metric, and logs only what is not sent', async () => {
    outcomes.answered('apns', { outcome: 'delivered', contentLeftOut: false }, 5);
    outcomes.answered('apns', { outcome: 'delivered', contentLeftOut: true }, 5);
    outcomes.answered('apns', { outcome: 'token-gone', reason: 'Unregistered' }, 5);
    outcomes.answered('fcm', { outcome: 'retry', cause: 'provider-down', reason: 'INTERNAL' }, 5);
    outcomes.answered('fcm', { outcome: 'refused', reason: 'BadTopic' }, 5);
    outcomes.resent('fcm', 2);
    const lines = await pushes();
    for (const part of [
      'delivered',
      'content-left-out',
      'Unregistered',
      'INTERNAL',
      'BadTopic',
      'provider-down',
      'not-processed',
    ]) {
      expect(lines.filter((line) => line.includes(part))).not.toEqual([]);
    }
    outcomes.report();
    expect(logger.lines).toHaveLength(1);
    expect(logger.find('BadTopic')).toHaveLength(1);
  });
});
