import { type Answer } from './messages.js';

export type ResetCode = 'REFUSED_STREAM' | 'INTERNAL_ERROR' | 'CANCEL';

/**
 * What goes wrong with a request. `accepted` = the push is taken (and recorded) and only its answer is lost, which its
 * sender cannot tell from a push that was never looked at. On HTTP/1.1, which has neither streams nor GOAWAY, `reset`
 * destroys the socket and a graceful `goaway` is `connection: close`.
 */
export type Fault =
  /** Late, but otherwise as usual. */
  | { kind: 'delay'; delayMs: number }
  /** This answer, whatever the request is. */
  | { kind: 'answer'; answer: Answer; delayMs?: number }
  /** Never an answer; the connection stays. */
  | { kind: 'stall'; accepted?: boolean; delayMs?: number }
  | { kind: 'reset'; code: ResetCode; accepted?: boolean; delayMs?: number }
  | { kind: 'destroy'; accepted?: boolean; delayMs?: number }
  /** GOAWAY: graceful (this request and all before it are answered), or `unprocessed`: this one and later ones are not. */
  | { kind: 'goaway'; unprocessed?: boolean; reason?: string; delayMs?: number };

/** 200 or an error status with a body that stops in the middle. */
export function malformedJson(status: number): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: '{"reason":', reason: 'malformed JSON' };
}

interface Planned<Kind> {
  readonly fault: Kind;
  left: number;
}

/** Which requests a fault meets: a token's, else the next ones, else all of them. */
export class FaultPlan<Kind = Fault> {
  private readonly byToken = new Map<string, Planned<Kind>>();
  private upcoming: Planned<Kind>[] = [];
  private always: Kind | undefined;

  /** A request with this token among its tokens, `times` times. */
  forToken(token: string, fault: Kind, times = Infinity): void {
    this.byToken.set(token, { fault, left: times });
  }

  /** The next `count` requests; calls queue up behind each other. */
  next(count: number, fault: Kind): void {
    this.upcoming.push({ fault, left: count });
  }

  /** Every request until {@link clear}. */
  all(fault: Kind): void {
    this.always = fault;
  }

  clear(): void {
    this.byToken.clear();
    this.upcoming = [];
    this.always = undefined;
  }

  /** The fault of a request for these tokens, which uses it up once. */
  take(tokens: readonly string[]): Kind | undefined {
    for (const token of tokens) {
      const planned = this.byToken.get(token);
      if (!planned) continue;
      if (--planned.left <= 0) this.byToken.delete(token);
      return planned.fault;
    }
    const next = this.upcoming[0];
    if (!next) return this.always;
    if (--next.left <= 0) this.upcoming.shift();
    return next.fault;
  }
}
