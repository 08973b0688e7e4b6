import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { sharedAnswer } from '../../common/bounds/shared-answer.js';
import { InstanceProcesses } from '../../cluster/instance-processes.js';
import { type LaneDepth, NotificationQueue } from '../queue/notification-queue.js';
import { type Provider, PROVIDERS, PushTransports, type ServerReport } from '../../providers/push-transport.js';
import { type BreakerState } from '../lanes/circuit-breaker.js';
import { DeliveryWorker } from '../delivery.worker.js';
import { ProviderLanes } from '../lanes/provider-lanes.js';
import { TokenRemoval } from '../outcomes/token-removal.js';

export interface ProviderStatus {
  readonly provider: Provider;
  readonly breaker: BreakerState;
  /** Why its pushes wait; null = they do not. `since` is UTC epoch milliseconds. */
  readonly trouble: { readonly cause: string; readonly reason: string; readonly since: number } | null;
  /** The brake is on: dead answers are not believed for now. */
  readonly removalPaused: boolean;
  /** UTC epoch milliseconds; null = the credential does not expire. */
  readonly credentialEndsAt: number | null;
  /** The servers that devices chose; null = the provider is one service. */
  readonly servers: ServerReport | null;
  readonly requestsInFlight: number;
  /** Requests that wait in memory for one of those to end. */
  readonly requestsWaiting: number;
}

/** What the processes of an instance know together. */
export interface InstanceStatus {
  /** The configured providers; where several processes deliver, a provider is reported as the process sees it that has the most trouble with it. */
  providers: ProviderStatus[];
  /** Loops of the workers that have been stuck for much longer than anything may take. */
  stuckLoops: string[];
}

const TOPIC = 'delivery';

/** Counting a long queue takes a moment, and several who ask at once may have the same answer. */
const KEEP_DEPTH_MS = 2000;
const KEEP_PROBE_MS = 2000;

const NAMED_SERVERS = 10;

/** How delivery is doing, for the operator. */
@Injectable()
export class DeliveryStatus {
  /** How much waits, lane by lane. */
  readonly depth: () => Promise<LaneDepth[]>;
  /** Rejects when nothing can be accepted now. */
  readonly probe: () => Promise<void>;

  constructor(
    queue: NotificationQueue,
    private readonly transports: PushTransports,
    private readonly lanes: ProviderLanes,
    private readonly removal: TokenRemoval,
    private readonly worker: DeliveryWorker,
    private readonly processes: InstanceProcesses,
    private readonly config: AppConfig,
  ) {
    this.depth = sharedAnswer(() => queue.depth(), KEEP_DEPTH_MS);
    this.probe = sharedAnswer(() => queue.probe(), KEEP_PROBE_MS);
    processes.answer(TOPIC, () => ({ providers: this.providers(), stuckLoops: this.worker.stuckLoops() }));
  }

  /** The providers that this process delivers to. */
  providers(): ProviderStatus[] {
    return this.transports.all.flatMap((transport) => {
      const { provider } = transport;
      const sender = this.lanes.get(provider)?.sender;
      if (!sender) return [];
      return [
        {
          provider,
          breaker: sender.breakerState(),
          trouble: sender.health.unhealthyBecause,
          removalPaused: this.removal.isBraking(provider),
          credentialEndsAt: transport.credentialExpiresAt(),
          servers: transport.servers(),
          requestsInFlight: sender.inFlight,
          requestsWaiting: sender.waiting,
        },
      ];
    });
  }

  /**
   * For how long (milliseconds) delivery is late, and how many items there are. What waits for a device that is to be
   * left alone for a while is not late; it can stay for as long as it lives.
   */
  async lateness(): Promise<{ ageMs: number; count: number }> {
    const lanes = await this.depth();
    const now = Date.now();
    const failing = new Set<string>(this.providers().flatMap((status) => (isWell(status) ? [] : [status.provider])));
    const ages = lanes.map(({ lane, oldestAcceptedAt, dueSince }) => {
      // The operator was told when it was set aside.
      if (lane === 'aside') return 0;
      const since = lane === 'intake' || lane === 'large' || failing.has(lane) ? oldestAcceptedAt : dueSince;
      return since === null ? 0 : now - since;
    });
    return { ageMs: Math.max(0, ...ages), count: lanes.reduce((sum, { count }) => sum + count, 0) };
  }

  /** Pushes for their devices are dropped. */
  unconfigured(): Provider[] {
    return PROVIDERS.filter((provider) => this.config[provider] === null);
  }

  /** Asks the other processes too: with `WORKERS` one of them delivers, and any of them answers the operator. */
  async ofInstance(): Promise<InstanceStatus> {
    const all = await this.processes.ask<InstanceStatus>(TOPIC);
    const byProvider = Map.groupBy(
      all.flatMap(({ providers }) => providers),
      ({ provider }) => provider,
    );
    return {
      providers: [...byProvider.values()].map((statuses) => statuses.reduce(worse)),
      stuckLoops: [...new Set(all.flatMap(({ stuckLoops }) => stuckLoops))],
    };
  }
}

export const isWell = ({ breaker, trouble }: ProviderStatus): boolean => breaker === 'closed' && trouble === null;

function worse(one: ProviderStatus, other: ProviderStatus): ProviderStatus {
  const speaker = isWell(one) ? other : one;
  return {
    ...speaker,
    removalPaused: one.removalPaused || other.removalPaused,
    servers: one.servers && other.servers ? together(one.servers, other.servers) : speaker.servers,
    requestsInFlight: one.requestsInFlight + other.requestsInFlight,
    requestsWaiting: one.requestsWaiting + other.requestsWaiting,
  };
}

/** Each process knows what it has to do with them; the larger number is nearer to how many there are than the sum. */
function together(one: ServerReport, other: ServerReport): ServerReport {
  const byHost = new Map([...other.largestFailing, ...one.largestFailing].map((server) => [server.host, server]));
  return {
    known: Math.max(one.known, other.known),
    failing: Math.max(one.failing, other.failing),
    proven: Math.max(one.proven, other.proven),
    provenFailing: Math.max(one.provenFailing, other.provenFailing),
    largestFailing: [...byHost.values()].toSorted((a, b) => b.devices - a.devices).slice(0, NAMED_SERVERS),
  };
}
