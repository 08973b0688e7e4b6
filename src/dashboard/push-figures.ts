import { Injectable } from '@nestjs/common';
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client';
import { InstanceProcesses } from '../cluster/instance-processes.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { type ServerStatus } from './dto/server-status.dto.js';

type PushOutcomes = ServerStatus['pushes'][number];
type JsonMetrics = MetricObjectWithValues<MetricValue<string>>[];
type Sample = MetricValue<string> & { metricName?: string };

const TOPIC = 'push-figures';
const [PUSHES, SECONDS] = ['session_push_pushes_total', 'session_push_delivery_seconds'];

/** As `session_push_pushes_total` calls it, and as the page does. */
const COUNTED = {
  delivered: 'delivered',
  'token-gone': 'deviceGone',
  refused: 'refused',
  expired: 'expired',
  folded: 'collapsed',
  unconfigured: 'unconfigured',
  retry: 'retries',
} as const satisfies Record<string, keyof PushOutcomes>;

/** What became of pushes since the start, in all processes of the instance. */
@Injectable()
export class PushFigures {
  constructor(
    { registry }: MetricsService,
    private readonly processes: InstanceProcesses,
  ) {
    // These two alone: others look into the database.
    const counted = [PUSHES, SECONDS].flatMap((name) => registry.getSingleMetric(name) ?? []);
    processes.answer(TOPIC, () => Promise.all(counted.map((metric) => metric.get())));
  }

  async read(): Promise<PushOutcomes[]> {
    const told = AggregatorRegistry.aggregate(await this.processes.ask<JsonMetrics>(TOPIC));
    return pushOutcomes(await told.getMetricsAsJSON());
  }
}

/** By provider, from the metrics in prom-client's JSON. */
export function pushOutcomes(metrics: Readonly<JsonMetrics>): PushOutcomes[] {
  const samples = (name: string): Sample[] => metrics.find((metric) => metric.name === name)?.values ?? [];
  const providers = new Map<string, PushOutcomes>();
  for (const { labels, value } of samples(PUSHES)) {
    const of = nameIn(labels, 'provider');
    const counts = providers.get(of) ?? nothingOf(of);
    const counted = COUNTED[nameIn(labels, 'outcome') as keyof typeof COUNTED];
    counts[counted] += value;
    if (nameIn(labels, 'reason') === 'content-left-out') counts.withoutContent += value;
    providers.set(of, counts);
  }
  const buckets = samples(SECONDS).filter(({ metricName }) => metricName?.endsWith('_bucket'));
  return [...providers.values()].map((counts) => {
    const own = buckets.filter(({ labels }) => nameIn(labels, 'provider') === counts.provider);
    return { ...counts, halfWithinSeconds: quantile(own, 0.5), mostWithinSeconds: quantile(own, 0.95) };
  });
}

const nameIn = (labels: Sample['labels'], label: string): string => String(labels[label]);

const nothingOf = (provider: string): PushOutcomes => ({
  provider,
  delivered: 0,
  withoutContent: 0,
  deviceGone: 0,
  refused: 0,
  expired: 0,
  collapsed: 0,
  unconfigured: 0,
  retries: 0,
  halfWithinSeconds: null,
  mostWithinSeconds: null,
});

/** The bound of the bucket in which this share of the observations is reached; null = there are none, or it is in the last, open one. */
function quantile(buckets: readonly Sample[], share: number): number | null {
  const bounds = buckets.map(({ labels, value }) => ({ bound: Number(labels['le']), count: value }));
  const total = Math.max(0, ...bounds.map(({ count }) => count));
  const reached = bounds.filter(({ bound, count }) => Number.isFinite(bound) && count >= share * total);
  return total === 0 || reached.length === 0 ? null : Math.min(...reached.map(({ bound }) => bound));
}
