import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DAY_MS } from '../config/durations.js';
import { NetworkStatus } from '../swarms/status/network-status.js';
import { describeError } from '../common/words/describe-error.js';
import { sharedAnswer } from '../common/bounds/shared-answer.js';
import {
  DeliveryStatus,
  type InstanceStatus,
  isWell,
  type ProviderStatus,
} from '../delivery/status/delivery-status.js';
import { mostServersFail } from '../delivery/status/server-judgement.js';
import { withDeadline } from '../common/time/with-deadline.js';

/** `degraded` needs the operator's eye, but the server takes requests and keeps what it accepts. */
export type HealthStatus = 'ok' | 'degraded' | 'error';

export interface CheckReport {
  status: HealthStatus;
  /** Absent when all is well. */
  problem?: string;
}

export interface ProviderReport extends CheckReport {
  breaker: string;
  unhealthySince: string | null;
  removalPaused: boolean;
  /** null = the credential does not end by itself. */
  certificateEndsAt: string | null;
  /** The servers that devices chose; null = the provider is one service. */
  servers: ProviderStatus['servers'];
}

export interface HealthReport {
  status: HealthStatus;
  database: CheckReport;
  queue: CheckReport & { lanes: { lane: string; items: number; oldestAgeSeconds: number }[] };
  worker: CheckReport;
  /** null = this instance does not watch the storage network. */
  network: CheckReport | null;
  /** Those that are configured. */
  providers: Record<string, ProviderReport>;
  /** Pushes for their devices are counted and dropped. */
  unconfigured: string[];
}

const CHECK_TIMEOUT_MS = 2000;
/** Strangers may ask, so asking often must cost nothing. */
const KEEP_REPORT_MS = 1000;
const CERTIFICATE_NOTICE_MS = 7 * DAY_MS;

/** Puts together how the server is. */
@Injectable()
export class HealthService {
  readonly report: () => Promise<HealthReport>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly delivery: DeliveryStatus,
    private readonly network: NetworkStatus,
  ) {
    this.report = sharedAnswer(() => this.look(), KEEP_REPORT_MS);
  }

  private async look(): Promise<HealthReport> {
    const [database, queue, delivery, network] = await Promise.all([
      this.lookAtDatabase(),
      this.lookAtQueue(),
      this.delivery.ofInstance(),
      this.lookAtNetwork(),
    ]);
    const worker = reportOfWorker(delivery);
    const now = Date.now();
    const providers = Object.fromEntries(delivery.providers.map((status) => [status.provider, reportOf(status, now)]));
    const all = [database, queue, worker, ...(network ? [network] : []), ...Object.values(providers)];
    return {
      status: worst(all),
      database,
      queue,
      worker,
      network,
      providers,
      unconfigured: this.delivery.unconfigured(),
    };
  }

  private async lookAtNetwork(): Promise<CheckReport | null> {
    if (!this.network.isOn) return null;
    const state = await this.network.ofInstance();
    // With several processes the one that watches may just be replaced.
    if (!state) return { status: 'error', problem: 'no process of this instance watches now' };
    const [worstProblem] = state.problems;
    if (!worstProblem) return { status: 'ok' };
    return { status: worstProblem.status, problem: state.problems.map(({ words }) => words).join('; ') };
  }

  private lookAtDatabase(): Promise<CheckReport> {
    return check(this.dataSource.query('SELECT 1'));
  }

  private async lookAtQueue(): Promise<HealthReport['queue']> {
    const writable = await check(this.delivery.probe());
    try {
      const lanes = await withDeadline(this.delivery.depth(), CHECK_TIMEOUT_MS);
      const now = Date.now();
      return {
        ...writable,
        lanes: lanes.map(({ lane, count, oldestAcceptedAt }) => ({
          lane,
          items: count,
          oldestAgeSeconds: oldestAcceptedAt === null ? 0 : Math.round((now - oldestAcceptedAt) / 1000),
        })),
      };
    } catch (error) {
      return { ...failed(error), lanes: [] };
    }
  }
}

function reportOfWorker({ stuckLoops }: InstanceStatus): CheckReport {
  return stuckLoops.length === 0 ? { status: 'ok' } : { status: 'error', problem: `stuck: ${stuckLoops.join(', ')}` };
}

/** A provider that is down does not make the server unready: it accepts, and delivers when the provider is back. */
function reportOf(status: ProviderStatus, now: number): ProviderReport {
  const { breaker, trouble, removalPaused, credentialEndsAt, servers } = status;
  const problems = [
    ...(trouble ? [`${trouble.cause}: ${trouble.reason}`] : isWell(status) ? [] : [`the breaker is ${breaker}`]),
    ...(removalPaused ? ['too many tokens are called dead, removal pauses'] : []),
    ...certificateProblem(credentialEndsAt, now),
    ...serverProblem(servers),
  ];
  return {
    status: problems.length === 0 ? 'ok' : 'degraded',
    ...(problems.length === 0 ? {} : { problem: problems.join('; ') }),
    breaker,
    unhealthySince: trouble && new Date(trouble.since).toISOString(),
    removalPaused,
    certificateEndsAt: credentialEndsAt === null ? null : new Date(credentialEndsAt).toISOString(),
    servers,
  };
}

/** One push server that fails is its operator's problem; when most fail, our own connection is the likelier reason. */
function serverProblem(servers: ProviderStatus['servers']): string[] {
  const failing = servers && mostServersFail(servers);
  if (!failing) return [];
  return [`${failing.count} of ${failing.of} servers that devices chose fail: can this machine reach the internet?`];
}

function certificateProblem(endsAt: number | null, now: number): string[] {
  if (endsAt === null || endsAt > now + CERTIFICATE_NOTICE_MS) return [];
  return [endsAt > now ? 'the certificate expires within a week' : 'the certificate has expired'];
}

async function check(work: Promise<unknown>): Promise<CheckReport> {
  try {
    await withDeadline(work, CHECK_TIMEOUT_MS);
    return { status: 'ok' };
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): CheckReport {
  const { code, message, type } = describeError(error);
  return { status: 'error', problem: code ?? message ?? type };
}

const worst = (checks: CheckReport[]): HealthStatus =>
  (['error', 'degraded'] as const).find((status) => checks.some((found) => found.status === status)) ?? 'ok';
