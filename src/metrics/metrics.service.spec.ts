import { describe, expect, it } from 'vitest';
import { MetricsService } from './metrics.service.js';

const COMMON = { help: 'help', labelNames: ['lane'], combine: 'max' as const };

/** The lines of one metric without its help and type. */
async function linesOf(metrics: MetricsService, name: string): Promise<string[]> {
  const text = await metrics.registry.metrics();
  return text.split('\n').filter((line) => line.startsWith(name));
}

describe('MetricsService', () => {
  it('counts onion requests by version, result and reason', async () => {
    const metrics = new MetricsService();
    metrics.onionAccepted('v4');
    metrics.onionAccepted('v4');
    metrics.onionRefused('v2', 'unusable', 'undecryptable');
    metrics.onionRefused('v4', 'refused', 'frame');
    expect(await linesOf(metrics, 'session_push_onion_requests_total')).toEqual([
      'session_push_onion_requests_total{version="v2",result="accepted",reason="none"} 0',
      'session_push_onion_requests_total{version="v4",result="accepted",reason="none"} 2',
      'session_push_onion_requests_total{version="v2",result="unusable",reason="undecryptable"} 1',
      'session_push_onion_requests_total{version="v4",result="refused",reason="frame"} 1',
    ]);
  });

  it('shows a command with all its results from its first request on', async () => {
    const metrics = new MetricsService();
    metrics.command('notify', 'done');
    metrics.command('notify', 'invalid');
    expect(await linesOf(metrics, 'session_push_commands_total')).toEqual([
      'session_push_commands_total{command="notify",result="done"} 1',
      'session_push_commands_total{command="notify",result="declined"} 0',
      'session_push_commands_total{command="notify",result="invalid"} 1',
      'session_push_commands_total{command="notify",result="postponed"} 0',
      'session_push_commands_total{command="notify",result="failed"} 0',
    ]);
  });

  it('counts up over several looks', async () => {
    const metrics = new MetricsService();
    metrics.pushed('apns', 'delivered', 'none');
    await metrics.registry.metrics();
    metrics.pushed('apns', 'delivered', 'none', 3);
    const expected = ['session_push_pushes_total{provider="apns",outcome="delivered",reason="none"} 4'];
    expect(await linesOf(metrics, 'session_push_pushes_total')).toEqual(expected);
    expect(await linesOf(metrics, 'session_push_pushes_total')).toEqual(expected);
  });

  it('bounds the reasons of a provider over all outcomes', async () => {
    const metrics = new MetricsService();
    for (let number = 0; number < 500; number++) {
      metrics.pushed('fcm', number % 2 ? 'retry' : 'refused', `Reason${number}`);
    }
    const lines = await linesOf(metrics, 'session_push_pushes_total');
    expect(lines).toHaveLength(102);
    expect(lines).toContain('session_push_pushes_total{provider="fcm",outcome="retry",reason="other"} 200');
  });

  it('measures times in seconds', async () => {
    const metrics = new MetricsService();
    metrics.answered('apns', 1500);
    metrics.requested('apns', 20);
    expect(await linesOf(metrics, 'session_push_delivery_seconds_sum')).toEqual([
      'session_push_delivery_seconds_sum{provider="apns"} 1.5',
    ]);
    expect(await linesOf(metrics, 'session_push_provider_request_seconds_sum')).toEqual([
      'session_push_provider_request_seconds_sum{provider="apns"} 0.02',
    ]);
  });

  it('reads a gauge when somebody looks, and shows the others when it cannot be read', async () => {
    const metrics = new MetricsService();
    let value = 1;
    metrics.gauge({ name: 'session_push_test_good', ...COMMON }, () => [{ labels: { lane: 'intake' }, value }]);
    metrics.gauge({ name: 'session_push_test_bad', ...COMMON }, async () => {
      throw new Error('the database is away');
    });
    value = 7;
    expect(await linesOf(metrics, 'session_push_test')).toEqual(['session_push_test_good{lane="intake"} 7']);
  });

  it('shows the process only in a running server', async () => {
    const metrics = new MetricsService();
    expect(await linesOf(metrics, 'process_')).toEqual([]);
    metrics.onModuleInit();
    expect(await linesOf(metrics, 'process_resident_memory_bytes')).toHaveLength(1);
  });
});
