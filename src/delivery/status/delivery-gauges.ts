import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Duties } from '../../config/duties.js';
import { type Combine, type GaugeSample, MetricsService } from '../../metrics/metrics.service.js';
import { type LaneDepth, LANES } from '../queue/notification-queue.js';
import { type BreakerState } from '../lanes/circuit-breaker.js';
import { DeliveryStatus, type ProviderStatus } from './delivery-status.js';

interface GaugeOf<Source> {
  name: string;
  help: string;
  combine: Combine;
  /** null = there is no value. */
  read: (source: Source) => number | null;
}

const BREAKER_STATES: readonly BreakerState[] = ['closed', 'probing', 'open'];

const OF_LANES: readonly GaugeOf<LaneDepth>[] = [
  {
    name: 'session_push_queue_items',
    help: 'Items in the queue, those under way included',
    combine: 'max',
    read: ({ count }) => count,
  },
  {
    name: 'session_push_queue_oldest_age_seconds',
    help: 'Time since the oldest item was accepted, also when it waits for a device that is to be left alone',
    combine: 'max',
    read: ({ oldestAcceptedAt }) => secondsSince(oldestAcceptedAt),
  },
  {
    name: 'session_push_queue_overdue_seconds',
    help: 'Time since the item that has waited longest became due',
    combine: 'max',
    read: ({ dueSince }) => secondsSince(dueSince),
  },
];

const OF_PROVIDERS: readonly GaugeOf<ProviderStatus>[] = [
  {
    name: 'session_push_provider_unhealthy',
    help: '1 = pushes of the provider wait because it or its settings fail',
    combine: 'max',
    read: ({ trouble }) => (trouble ? 1 : 0),
  },
  {
    name: 'session_push_removal_brake_engaged',
    help: '1 = too many tokens are called dead, removal pauses',
    combine: 'max',
    read: ({ removalPaused }) => (removalPaused ? 1 : 0),
  },
  {
    name: 'session_push_certificate_expiry_timestamp_seconds',
    help: 'When the certificate expires, as a Unix time; absent for credentials that do not expire',
    combine: 'min',
    read: ({ credentialEndsAt }) => (credentialEndsAt === null ? null : credentialEndsAt / 1000),
  },
  {
    name: 'session_push_servers_known',
    help: 'Servers that devices chose (Web Push) and that were sent to lately',
    combine: 'max',
    read: ({ servers }) => servers && servers.known,
  },
  {
    name: 'session_push_servers_failing',
    help: 'Those of them that are left alone for now, because they fail',
    combine: 'max',
    read: ({ servers }) => servers && servers.failing,
  },
  {
    name: 'session_push_servers_proven',
    help: 'Servers that have taken a push since the start',
    combine: 'max',
    read: ({ servers }) => servers && servers.proven,
  },
  {
    name: 'session_push_servers_proven_failing',
    help: 'Those of them that are left alone for now, because they fail',
    combine: 'max',
    read: ({ servers }) => servers && servers.provenFailing,
  },
  {
    name: 'session_push_provider_requests_in_flight',
    help: 'Requests to the provider that are under way',
    combine: 'sum',
    read: ({ requestsInFlight }) => requestsInFlight,
  },
  {
    name: 'session_push_provider_requests_waiting',
    help: 'Requests that wait in memory for one of those to end',
    combine: 'sum',
    read: ({ requestsWaiting }) => requestsWaiting,
  },
];

const BREAKER = {
  name: 'session_push_breaker_state',
  help: 'Processes whose circuit breaker for the provider is in this state',
  labelNames: ['provider', 'state'],
  combine: 'sum' as const,
};

/** Shows how delivery is doing as metrics. */
@Injectable()
export class DeliveryGauges implements OnModuleInit {
  constructor(
    private readonly status: DeliveryStatus,
    private readonly metrics: MetricsService,
    private readonly duties: Duties,
  ) {}

  onModuleInit(): void {
    // The queue is one and the same for all processes, and counting it is work.
    for (const gauge of this.duties.leads ? OF_LANES : []) {
      this.metrics.gauge({ ...gauge, labelNames: ['lane'] }, async () => laneSamples(await this.status.depth(), gauge));
    }
    for (const gauge of OF_PROVIDERS) {
      this.metrics.gauge({ ...gauge, labelNames: ['provider'] }, () =>
        this.status.providers().flatMap((status) => providerSamples(status, gauge)),
      );
    }
    this.metrics.gauge(BREAKER, () => this.status.providers().flatMap(breakerSamples));
  }
}

function laneSamples(depth: LaneDepth[], { read }: GaugeOf<LaneDepth>): GaugeSample[] {
  return LANES.map((lane) => {
    const held = depth.find((found) => found.lane === lane);
    return { labels: { lane }, value: (held && read(held)) ?? 0 };
  });
}

function providerSamples(status: ProviderStatus, { read }: GaugeOf<ProviderStatus>): GaugeSample[] {
  const value = read(status);
  return value === null ? [] : [{ labels: { provider: status.provider }, value }];
}

function breakerSamples({ provider, breaker }: ProviderStatus): GaugeSample[] {
  return BREAKER_STATES.map((state) => ({ labels: { provider, state }, value: state === breaker ? 1 : 0 }));
}

const secondsSince = (epochMs: number | null): number =>
  epochMs === null ? 0 : Math.max(0, Date.now() - epochMs) / 1000;
