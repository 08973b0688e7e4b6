import { AggregatorRegistry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { MetricsService } from '../metrics/metrics.service.js';
import { pushOutcomes } from './push-figures.js';

/** As the processes of one instance tell them. */
const outcomesOf = async (...processes: MetricsService[]) => {
  const told = await Promise.all(processes.map(({ registry }) => registry.getMetricsAsJSON()));
  return pushOutcomes(await AggregatorRegistry.aggregate(told).getMetricsAsJSON());
};

describe('what became of pushes', () => {
  it('is nothing at the start', async () => {
    expect(await outcomesOf(new MetricsService())).toEqual([]);
  });

  it('is counted by provider, over all processes, whatever the reason', async () => {
    const [one, other] = [new MetricsService(), new MetricsService()];
    one.pushed('apns', 'delivered', 'none', 5);
    other.pushed('apns', 'delivered', 'content-left-out', 2);
    one.pushed('apns', 'refused', 'TopicDisallowed');
    other.pushed('apns', 'refused', 'PayloadTooLarge', 3);
    one.pushed('apns', 'token-gone', 'Unregistered');
    one.pushed('apns', 'retry', 'ConnectFailed', 7);
    one.pushed('apns', 'folded', 'device-bound', 4);
    one.pushed('huawei', 'unconfigured', 'unconfigured', 6);
    one.pushed('all', 'expired', 'expired', 8);
    const outcomes = await outcomesOf(one, other);
    expect(outcomes).toHaveLength(3);
    expect(outcomes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          provider: 'apns',
          delivered: 7,
          withoutContent: 2,
          refused: 4,
          deviceGone: 1,
          retries: 7,
          collapsed: 4,
          expired: 0,
        }),
        expect.objectContaining({ provider: 'huawei', unconfigured: 6 }),
        expect.objectContaining({ provider: 'all', expired: 8 }),
      ]),
    );
  });

  it('says within which time half of the answers came, and nearly all', async () => {
    const metrics = new MetricsService();
    metrics.pushed('fcm', 'delivered', 'none', 20);
    for (let answer = 0; answer < 18; answer++) metrics.answered('fcm', 30);
    for (let answer = 0; answer < 2; answer++) metrics.answered('fcm', 4000);
    expect(await outcomesOf(metrics)).toMatchObject([{ halfWithinSeconds: 0.05, mostWithinSeconds: 5 }]);
  });

  it('has no time for what had no final answer, or only late ones', async () => {
    const metrics = new MetricsService();
    metrics.pushed('fcm', 'retry', 'Http503');
    expect(await outcomesOf(metrics)).toMatchObject([{ halfWithinSeconds: null, mostWithinSeconds: null }]);
    metrics.answered('fcm', 24 * 3_600_000);
    expect(await outcomesOf(metrics)).toMatchObject([{ halfWithinSeconds: null }]);
  });
});
