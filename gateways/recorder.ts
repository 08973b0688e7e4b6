import { type GatewayRequest } from './messages.js';

/** A push that the gateway took: what the phone would get. */
export interface ReceivedPush<Body = unknown> {
  readonly token: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly rawBody: Buffer;
  /** UTC epoch milliseconds. */
  readonly at: number;
  /** APNs only. */
  readonly apnsId: string | null;
  readonly connectionId: number;
}

/** A request and what became of it. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawBody: Buffer;
  readonly tokens: readonly string[];
  /** null = it was left without an answer. */
  readonly status: number | null;
  /** `200`, `410 Unregistered`, `stall`, `reset REFUSED_STREAM`, ... */
  readonly outcome: string;
  readonly at: number;
  readonly connectionId: number;
}

export interface Counts {
  /** TLS connections, which are HTTP/2 sessions where that was negotiated. */
  connections: number;
  pings: number;
  requests: number;
  inFlight: number;
  maxInFlight: number;
  /** Pushes taken. */
  accepted: number;
  /** Outcome to number. */
  outcomes: Record<string, number>;
}

interface Waiter<Body> {
  check(push: ReceivedPush<Body>): void;
}

/** What came in. With `keep` off only the counts grow, so that a benchmark can run for hours. */
export class Recorder<Body> {
  received: ReceivedPush<Body>[] = [];
  requests: RecordedRequest[] = [];
  counts: Counts = noCounts();
  /** JWTs and assertions that senders identified themselves with. */
  readonly credentialsSeen = new Set<string>();
  private readonly waiters = new Set<Waiter<Body>>();

  constructor(
    private readonly gateway: string,
    private readonly keep: boolean,
    private readonly onPush?: (push: ReceivedPush<Body>) => void,
  ) {}

  began(): void {
    this.counts.requests++;
    this.counts.inFlight++;
    this.counts.maxInFlight = Math.max(this.counts.maxInFlight, this.counts.inFlight);
  }

  ended(request: GatewayRequest, tokens: readonly string[], status: number | null, outcome: string): void {
    this.counts.inFlight--;
    this.counts.outcomes[outcome] = (this.counts.outcomes[outcome] ?? 0) + 1;
    if (!this.keep) return;
    const { method, path, headers, body: rawBody, connection } = request;
    const connectionId = connection.id;
    this.requests.push({ method, path, headers, rawBody, tokens, status, outcome, at: Date.now(), connectionId });
  }

  accepted(push: ReceivedPush<Body>): void {
    this.counts.accepted++;
    if (this.keep) this.received.push(push);
    this.onPush?.(push);
    for (const waiter of this.waiters) waiter.check(push);
  }

  /** Ends when `count` pushes have been taken in all; with them, as far as they are kept. */
  waitForCount(count: number, timeoutMs: number): Promise<ReceivedPush<Body>[]> {
    return this.wait(`${count} pushes`, timeoutMs, () => (this.counts.accepted >= count ? this.received : undefined));
  }

  /** Ends with the first push, taken already or later, that satisfies `predicate`. */
  waitForMatch(predicate: (push: ReceivedPush<Body>) => boolean, timeoutMs: number): Promise<ReceivedPush<Body>> {
    return this.wait('a push that matches', timeoutMs, (push) =>
      push ? (predicate(push) ? push : undefined) : this.received.find(predicate),
    );
  }

  reset(): void {
    const { inFlight } = this.counts;
    this.received = [];
    this.requests = [];
    this.counts = { ...noCounts(), inFlight, maxInFlight: inFlight };
    this.credentialsSeen.clear();
  }

  private wait<T>(wanted: string, timeoutMs: number, look: (push?: ReceivedPush<Body>) => T | undefined): Promise<T> {
    const already = look();
    if (already !== undefined) return Promise.resolve(already);
    return new Promise((resolve, reject) => {
      const waiter: Waiter<Body> = {
        check: (push) => {
          const found = look(push);
          if (found === undefined) return;
          this.waiters.delete(waiter);
          clearTimeout(timer);
          resolve(found);
        },
      };
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        reject(new Error(`The ${this.gateway} stand-in waited ${timeoutMs} ms for ${wanted}: ${this.summary()}`));
      }, timeoutMs);
      this.waiters.add(waiter);
    });
  }

  private summary(): string {
    const { accepted, requests, inFlight, connections, outcomes } = this.counts;
    const answers = Object.entries(outcomes).map(([outcome, times]) => `${outcome} x${times}`);
    return (
      `${accepted} taken, ${requests} requests on ${connections} connections, ${inFlight} in flight` +
      (answers.length > 0 ? `; ${answers.join(', ')}` : '')
    );
  }
}

function noCounts(): Counts {
  return { connections: 0, pings: 0, requests: 0, inFlight: 0, maxInFlight: 0, accepted: 0, outcomes: {} };
}
