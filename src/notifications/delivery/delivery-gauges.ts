import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type GaugeSample, MetricsService } from '../../metrics/metrics.service.js';
import { type LaneDepth } from '../queue/notification-queue.js';
import { PROVIDERS } from '../transports/push-transport.js';
import { type BreakerState } from './circuit-breaker.js';
import { DeliveryStatus, type ProviderStatus } from './delivery-status.js';

const LANES = ['intake', ...PROVIDERS];
const BREAKER_STATES: readonly BreakerState[] = ['closed', 'probing', 'open'];

/** Shows how delivery is doing as metrics. */
@Injectable()
export class DeliveryGauges implements OnModuleInit {
  constructor(
    private readonly status: DeliveryStatus,
    private readonly metrics: MetricsService,
  ) {}

  onModuleInit(): void {
    this.ofLanes('session_push_queue_items', 'Items in the queue, those under way included', ({ count }) => count);
    this.ofLanes(
      'session_push_queue_oldest_age_seconds',
      'Time since the oldest item was accepted, also when it waits for a device that is to be left alone',
      ({ oldestAcceptedAt }) => secondsSince(oldestAcceptedAt),
    );
    this.ofLanes(
      'session_push_queue_overdue_seconds',
      'For how long the item that waits longest could have been worked on',
      ({ dueSince }) => secondsSince(dueSince),
    );
    this.ofProviders(
      'session_push_provider_unhealthy',
      '1 = pushes of the provider wait because it or its settings fail',
      ({ trouble }) => (trouble ? 1 : 0),
    );
    this.metrics.gauge(
      'session_push_breaker_state',
      'The state of the circuit breaker is the one with 1',
      ['provider', 'state'],
      () => this.status.providers().flatMap(breakerSamples),
    );
    this.ofProviders(
      'session_push_removal_brake_engaged',
      '1 = too many tokens are called dead, removal pauses',
      ({ removalPaused }) => (removalPaused ? 1 : 0),
    );
    this.ofProviders(
      'session_push_certificate_expiry_timestamp_seconds',
      'When the certificate ends, as a Unix time; absent for credentials that do not end by themselves',
      ({ credentialEndsAt }) => (credentialEndsAt === null ? null : credentialEndsAt / 1000),
    );
    this.ofProviders(
      'session_push_provider_requests_in_flight',
      'Requests to the provider that are under way',
      ({ requestsInFlight }) => requestsInFlight,
    );
    this.ofProviders(
      'session_push_provider_requests_waiting',
      'Requests that wait in memory for one of those to end',
      ({ requestsWaiting }) => requestsWaiting,
    );
  }

  private ofLanes(name: string, help: string, read: (lane: LaneDepth) => number): void {
    this.metrics.gauge(name, help, ['lane'], async () => {
      const depth = await this.status.depth();
      return LANES.map((lane): GaugeSample => {
        const held = depth.find((found) => found.lane === lane);
        return { labels: { lane }, value: held ? read(held) : 0 };
      });
    });
  }

  private ofProviders(name: string, help: string, read: (status: ProviderStatus) => number | null): void {
    this.metrics.gauge(name, help, ['provider'], () =>
      this.status.providers().flatMap((status): GaugeSample[] => {
        const value = read(status);
        return value === null ? [] : [{ labels: { provider: status.provider }, value }];
      }),
    );
  }
}

const secondsSince = (epochMs: number | null): number =>
  epochMs === null ? 0 : Math.max(0, Date.now() - epochMs) / 1000;

function breakerSamples({ provider, breaker }: ProviderStatus): GaugeSample[] {
  return BREAKER_STATES.map((state) => ({ labels: { provider, state }, value: state === breaker ? 1 : 0 }));
}
