import { setTimeout as sleep } from 'node:timers/promises';
import { type Credentials, type Identity, makeAuthority } from './certificates.js';
import { type Exchange } from './exchange.js';
import { type Fault, FaultPlan } from './faults.js';
import { Listener } from './listener.js';
import { type Answer, type GatewayRequest } from './messages.js';
import { type Counts, type ReceivedPush, type RecordedRequest, Recorder } from './recorder.js';

const DEFAULT_MAX_CONCURRENT_STREAMS = 1000;
const DEFAULT_WAIT_MS = 5000;

export interface GatewayOptions<Body = unknown> {
  readonly credentials: Credentials;
  /** 0 = any free one. */
  readonly port?: number;
  readonly maxConcurrentStreams?: number;
  /** Added to every answer. */
  readonly latencyMs?: number;
  /** false = only the counts grow. */
  readonly record?: boolean;
  readonly onPush?: (push: ReceivedPush<Body>) => void;
}

/** How a provider sees a token that it does not simply push to. */
export interface TokenState<State extends string> {
  readonly state: State;
  /** UTC epoch milliseconds since when. */
  readonly since: number;
  readonly retryAfterSeconds?: number;
}

export interface Taken<Body> {
  readonly tokens: readonly string[];
  readonly body: Body;
  readonly apnsId?: string;
}

/** What a provider makes of a request. */
export interface Verdict<Body> {
  readonly answer: Answer;
  /** Tokens that the push was taken for, with what it said. */
  readonly taken?: Taken<Body>;
}

/** Where a request belongs: the faults that may meet it, the tokens it is for, and what is done with it otherwise. */
export interface Routed<Body> {
  readonly faults: FaultPlan;
  readonly tokens: readonly string[];
  process(): Verdict<Body>;
}

export type ServedCertificate = 'good' | 'untrusted' | 'expired' | 'other-host';

/** What the three stand-ins have in common: TLS, HTTP, faults and records. A provider adds its rules. */
export abstract class Gateway<Body, State extends string> {
  /** Faults of push requests. */
  readonly faults = new FaultPlan();
  latencyMs: number;
  protected readonly credentials: Credentials;
  protected readonly tokenStates = new Map<string, TokenState<State>>();
  protected readonly recorder: Recorder<Body>;
  private readonly listener: Listener;

  constructor(
    name: string,
    private readonly options: GatewayOptions<Body>,
    protocol: { requestClientCertificate: boolean; allowHttp1: boolean },
  ) {
    this.credentials = options.credentials;
    this.latencyMs = options.latencyMs ?? 0;
    this.recorder = new Recorder(name, options.record ?? true, options.onPush);
    this.listener = new Listener({
      ...protocol,
      identity: options.credentials.server,
      ca: options.credentials.authority.cert,
      maxConcurrentStreams: this.initialMaxConcurrentStreams,
      onConnection: () => void this.recorder.counts.connections++,
      onPing: () => void this.recorder.counts.pings++,
      onExchange: (exchange) => void this.serve(exchange),
    });
  }

  protected abstract route(request: GatewayRequest): Routed<Body>;

  /** What the provider adds to every answer, faulty ones too. */
  protected complete(answer: Answer, _request: GatewayRequest): Answer {
    return answer;
  }

  get port(): number {
    return this.listener.port;
  }

  get url(): string {
    return `https://localhost:${this.port}`;
  }

  get received(): readonly ReceivedPush<Body>[] {
    return this.recorder.received;
  }

  get requests(): readonly RecordedRequest[] {
    return this.recorder.requests;
  }

  get counts(): Readonly<Counts> {
    return this.recorder.counts;
  }

  get openConnections(): number {
    return this.listener.openConnections;
  }

  /** JWTs or assertions that senders identified themselves with. */
  get credentialsSeen(): ReadonlySet<string> {
    return this.recorder.credentialsSeen;
  }

  listen(port = this.options.port ?? 0): Promise<void> {
    return this.listener.listen(port);
  }

  /** From now on the provider sees the token so. */
  mark(token: string, state: State, details: { since?: number; retryAfterSeconds?: number } = {}): void {
    this.tokenStates.set(token, { state, since: Date.now(), ...details });
  }

  unmark(token: string): void {
    this.tokenStates.delete(token);
  }

  /** Ends when `wanted` pushes were taken in all, or with the first one that matches; those taken before count. */
  waitForPush(wanted: number, timeoutMs?: number): Promise<ReceivedPush<Body>[]>;
  waitForPush(wanted: (push: ReceivedPush<Body>) => boolean, timeoutMs?: number): Promise<ReceivedPush<Body>>;
  waitForPush(
    wanted: number | ((push: ReceivedPush<Body>) => boolean),
    timeoutMs = DEFAULT_WAIT_MS,
  ): Promise<ReceivedPush<Body>[] | ReceivedPush<Body>> {
    return typeof wanted === 'number'
      ? this.recorder.waitForCount(wanted, timeoutMs)
      : this.recorder.waitForMatch(wanted, timeoutMs);
  }

  /** A graceful GOAWAY on every open HTTP/2 session: what is in flight is answered. */
  goAway(): void {
    this.listener.goAway();
  }

  destroyConnections(): void {
    this.listener.destroyConnections();
  }

  /** Tells the open sessions too. */
  setMaxConcurrentStreams(limit: number): void {
    this.listener.setMaxConcurrentStreams(limit);
  }

  /** Connections are cut and new ones refused, until {@link listenAgain} on the same port. */
  stopListening(): Promise<void> {
    return this.listener.stop();
  }

  async listenAgain(): Promise<void> {
    if (!this.listener.listening) await this.listener.listen(this.port);
  }

  /** Cuts the connections; new ones meet this certificate. */
  async serveCertificate(kind: ServedCertificate): Promise<void> {
    this.listener.setIdentity(await this.identityOf(kind));
    this.listener.destroyConnections();
  }

  /** As it was when it started, with nothing recorded. Open connections stay. */
  async reset(): Promise<void> {
    this.faults.clear();
    this.tokenStates.clear();
    this.recorder.reset();
    this.latencyMs = this.options.latencyMs ?? 0;
    this.listener.setIdentity(this.credentials.server);
    this.listener.setMaxConcurrentStreams(this.initialMaxConcurrentStreams);
    await this.listenAgain();
  }

  async close(): Promise<void> {
    await this.listener.stop();
  }

  private get initialMaxConcurrentStreams(): number {
    return this.options.maxConcurrentStreams ?? DEFAULT_MAX_CONCURRENT_STREAMS;
  }

  private async identityOf(kind: ServedCertificate): Promise<Identity> {
    const { authority, server } = this.credentials;
    switch (kind) {
      case 'good':
        return server;
      case 'untrusted':
        return (await makeAuthority('Unknown CA')).issueServer();
      case 'expired':
        return authority.issueServer({ notBefore: new Date(0), notAfter: new Date(Date.now() - 60_000) });
      case 'other-host':
        return authority.issueServer({ names: ['other.example'] });
    }
  }

  private async serve(exchange: Exchange): Promise<void> {
    this.recorder.began();
    const { request } = exchange;
    const routed = this.route(request);
    const fault = routed.faults.take(routed.tokens);
    // Taken on arrival, also when the answer is late: a sender that gives up waiting has pushed all the same.
    const answer = this.decide(fault, request, routed);
    const delayMs = this.latencyMs + (fault?.delayMs ?? 0);
    if (delayMs > 0) await sleep(delayMs);
    perform(fault, exchange, answer);
    this.recorder.ended(request, routed.tokens, answer?.status ?? null, outcomeOf(fault, answer));
  }

  /** The answer, or null when the fault leaves none. */
  private decide(fault: Fault | undefined, request: GatewayRequest, routed: Routed<Body>): Answer | null {
    switch (fault?.kind) {
      case undefined:
      case 'delay':
        return this.take(request, routed);
      case 'answer':
        return this.complete(fault.answer, request);
      case 'goaway':
        return fault.unprocessed ? null : this.take(request, routed);
      case 'stall':
      case 'reset':
      case 'destroy':
        if (fault.accepted) this.take(request, routed);
        return null;
    }
  }

  private take(request: GatewayRequest, routed: Routed<Body>): Answer {
    const { answer, taken } = routed.process();
    if (taken) this.recordTaken(taken, request);
    return this.complete(answer, request);
  }

  private recordTaken({ tokens, body, apnsId }: Taken<Body>, request: GatewayRequest): void {
    const { headers, body: rawBody, connection } = request;
    const at = Date.now();
    for (const token of tokens) {
      this.recorder.accepted({
        token,
        headers,
        body,
        rawBody,
        at,
        apnsId: apnsId ?? null,
        connectionId: connection.id,
      });
    }
  }
}

function perform(fault: Fault | undefined, exchange: Exchange, answer: Answer | null): void {
  if (fault?.kind === 'goaway') exchange.goAway(fault.unprocessed ? 'before' : 'this', fault.reason);
  if (fault?.kind === 'reset') exchange.reset(fault.code);
  if (fault?.kind === 'destroy') exchange.destroyConnection();
  if (answer) exchange.respond(answer);
}

function outcomeOf(fault: Fault | undefined, answer: Answer | null): string {
  if (answer) return answer.reason === undefined ? String(answer.status) : `${answer.status} ${answer.reason}`;
  return fault?.kind === 'reset' ? `reset ${fault.code}` : (fault?.kind ?? 'no answer');
}
