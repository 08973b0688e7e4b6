import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { describeError } from '../common/describe-error.js';
import { sharedAnswer } from '../common/shared-answer.js';
import {
  DeliveryStatus,
  type InstanceStatus,
  isWell,
  type ProviderStatus,
} from '../notifications/delivery/delivery-status.js';
import { within } from './within.js';

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
}

export interface HealthReport {
  status: HealthStatus;
  database: CheckReport;
  queue: CheckReport & { lanes: { lane: string; items: number; oldestAgeSeconds: number }[] };
  worker: CheckReport;
  /** Those that are configured. */
  providers: Record<string, ProviderReport>;
  /** Pushes for their devices are counted and dropped. */
  unconfigured: string[];
}

const CHECK_TIMEOUT_MS = 2000;
/** Strangers may ask, so asking often must cost nothing. */
const KEEP_REPORT_MS = 1000;
const CERTIFICATE_NOTICE_MS = 7 * 24 * 3_600_000;

/** Puts together how the server is. */
@Injectable()
export class HealthService {
  readonly report: () => Promise<HealthReport>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly delivery: DeliveryStatus,
  ) {
    this.report = sharedAnswer(() => this.look(), KEEP_REPORT_MS);
  }

  private async look(): Promise<HealthReport> {
    const [database, queue, delivery] = await Promise.all([
      this.lookAtDatabase(),
      this.lookAtQueue(),
      this.delivery.ofInstance(),
    ]);
    const worker = reportOfWorker(delivery);
    const now = Date.now();
    const providers = Object.fromEntries(delivery.providers.map((status) => [status.provider, reportOf(status, now)]));
    const all = [database, queue, worker, ...Object.values(providers)];
    return { status: worst(all), database, queue, worker, providers, unconfigured: this.delivery.unconfigured() };
  }

  private lookAtDatabase(): Promise<CheckReport> {
    return check(this.dataSource.query('SELECT 1'));
  }

  private async lookAtQueue(): Promise<HealthReport['queue']> {
    const writable = await check(this.delivery.probe());
    try {
      const lanes = await within(CHECK_TIMEOUT_MS, this.delivery.depth());
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
  const { breaker, trouble, removalPaused, credentialEndsAt } = status;
  const problems = [
    ...(trouble ? [`${trouble.cause}: ${trouble.reason}`] : isWell(status) ? [] : [`the breaker is ${breaker}`]),
    ...(removalPaused ? ['too many tokens are called dead, removal pauses'] : []),
    ...certificateProblem(credentialEndsAt, now),
  ];
  return {
    status: problems.length === 0 ? 'ok' : 'degraded',
    ...(problems.length === 0 ? {} : { problem: problems.join('; ') }),
    breaker,
    unhealthySince: trouble && new Date(trouble.since).toISOString(),
    removalPaused,
    certificateEndsAt: credentialEndsAt === null ? null : new Date(credentialEndsAt).toISOString(),
  };
}

function certificateProblem(endsAt: number | null, now: number): string[] {
  if (endsAt === null || endsAt > now + CERTIFICATE_NOTICE_MS) return [];
  return [endsAt > now ? 'the certificate ends within a week' : 'the certificate has ended'];
}

async function check(work: Promise<unknown>): Promise<CheckReport> {
  try {
    await within(CHECK_TIMEOUT_MS, work);
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
