import { type Agent } from 'node:https';
import { TunnelAgent, type TunnelAgentOptions } from '../../outgoing/tunnel-agent.js';
import { type HostFailure } from './host-exchange.js';

/** Figures of one push server; tests shorten the pauses. */
export interface HostTuning {
  /** First pause after failures in a row; doubles with each failed probe. */
  pauseMs: number;
  longestPauseMs: number;
}

/** Failures in a row after which a server is left alone. */
const FAILURES = 3;

/** A host that has taken a push within this time works, whatever it answers to another one: strangers choose the endpoints. */
const IN_ORDER_MS = 30_000;

/** A host that has taken a push within this time is a push server, and no third party that a stranger wants us to bother. */
const PROVEN_MS = 10 * 60_000;

/** Slower ones share what is set apart for slow and unknown ones. */
const QUICK_MS = 2000;
/** Weight of the newest answer in the average. */
const NEWEST = 0.2;

/** Connections, and requests including those that wait for one. */
const QUICK_BOUNDS = { sockets: 32, requests: 256 };
const SLOW_BOUNDS = { sockets: 4, requests: 8 };

const MAX_IDLE_SOCKETS = 4;
const IDLE_SOCKET_MS = 30_000;

/** Enough to tell a server of many from one of few. */
const MAX_COUNTED_DEVICES = 1000;

/** Whether a request may go: a `probe` must be ended like any other; a number is for how long to wait, in milliseconds. */
type HostPass = 'free' | 'probe' | number;

/**
 * One push server, with its own connections and breaker, so that its failures affect no other server. Times are those of
 * `performance.now()`.
 */
export class PushHost {
  /** Requests on their way, those that wait for a connection included. */
  requests = 0;
  readonly agent: Agent;
  private readonly devices = new Set<number>();
  private acceptedAt = -Infinity;
  private averageMs = 0;
  private failures = 0;
  private openings = 0;
  private pausedUntil: number | null = null;
  private probing = false;
  private lastReason = '';
  private retired = false;

  constructor(
    readonly name: string,
    private readonly tuning: HostTuning,
    agentOptions: TunnelAgentOptions,
  ) {
    this.agent = new TunnelAgent({
      ...agentOptions,
      keepAlive: true,
      maxSockets: SLOW_BOUNDS.sockets,
      maxFreeSockets: MAX_IDLE_SOCKETS,
      timeout: IDLE_SOCKET_MS,
      minVersion: 'TLSv1.2',
    });
  }

  get failing(): { reason: string } | null {
    return this.pausedUntil === null ? null : { reason: this.lastReason };
  }

  /** How many devices it was to reach, up to a bound. */
  get deviceCount(): number {
    return this.devices.size;
  }

  /** However long ago; after that it is no made-up one. */
  get hasAccepted(): boolean {
    return this.acceptedAt !== -Infinity;
  }

  isProven(now: number): boolean {
    return now - this.acceptedAt < PROVEN_MS;
  }

  isQuick(now: number): boolean {
    return this.isProven(now) && this.averageMs < QUICK_MS;
  }

  isFull(now: number): boolean {
    return this.requests >= (this.isQuick(now) ? QUICK_BOUNDS : SLOW_BOUNDS).requests;
  }

  tryPass(now: number): HostPass {
    if (this.pausedUntil === null) return 'free';
    if (now < this.pausedUntil) return this.pausedUntil - now;
    if (this.probing) return this.tuning.pauseMs;
    this.probing = true;
    return 'probe';
  }

  /** @param device a digest of the endpoint */
  began(device: number, now: number): void {
    this.requests++;
    if (this.devices.size < MAX_COUNTED_DEVICES) this.devices.add(device);
    this.agent.maxSockets = (this.isQuick(now) ? QUICK_BOUNDS : SLOW_BOUNDS).sockets;
  }

  ended(): void {
    this.requests--;
    if (this.retired && this.requests === 0) this.agent.destroy();
  }

  accepted(tookMs: number, now: number): void {
    this.averageMs = this.acceptedAt === -Infinity ? tookMs : this.averageMs * (1 - NEWEST) + tookMs * NEWEST;
    this.acceptedAt = now;
    this.answered();
  }

  /** It answered with something other than a failure of its own; what it says of one endpoint does not matter here. */
  answered(): void {
    this.failures = 0;
    this.openings = 0;
    this.pausedUntil = null;
    this.probing = false;
  }

  /** @param retryAfterMs what it asked for */
  outOfOrder(reason: string, now: number, retryAfterMs = 0): void {
    const wasProbing = this.probing;
    this.probing = false;
    if (now - this.acceptedAt < IN_ORDER_MS) return;
    this.fail(reason, now, wasProbing, retryAfterMs);
  }

  /** A request that left got no answer, which its endpoint may have caused. One that never left says something about the host. */
  unreachable({ kind, reason }: HostFailure, now: number): void {
    if (kind === 'silent') return this.outOfOrder(reason, now);
    const wasProbing = this.probing;
    this.probing = false;
    this.fail(reason, now, wasProbing, 0);
  }

  /** The probe ended without a word about the server. */
  undecided(): void {
    this.probing = false;
  }

  /** It is forgotten: its connections end with the requests that are on their way. */
  retire(): void {
    this.retired = true;
    if (this.requests === 0) this.agent.destroy();
  }

  private fail(reason: string, now: number, wasProbing: boolean, retryAfterMs: number): void {
    this.lastReason = reason;
    this.failures++;
    const isPaused = this.pausedUntil !== null && now < this.pausedUntil;
    // What was on its way when the pause began fails too, and is no news.
    if (isPaused || (!wasProbing && this.failures < FAILURES)) return;
    const doubled = Math.min(this.tuning.longestPauseMs, this.tuning.pauseMs * 2 ** Math.min(this.openings, 20));
    this.pausedUntil = now + Math.max(doubled, Math.min(retryAfterMs, this.tuning.longestPauseMs));
    this.openings++;
  }
}
