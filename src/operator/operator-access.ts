import { Injectable, Logger } from '@nestjs/common';
import { type FastifyRequest } from 'fastify';
import { createHash, timingSafeEqual } from 'node:crypto';
import { AppConfig } from '../config/app-config.js';
import { OperatorEvents } from './operator-events.js';
import { OperatorListener } from './operator-listener.js';
import { PasswordAttempts } from './password-attempts.js';

/** `stranger` gave no password, `wrong` gave another one; `limited`: too many did, and this one was not looked at. */
export type Caller = 'operator' | 'stranger' | 'wrong' | 'limited';

type Refusal = 'wrong' | 'limited';

const LOG_EVERY_MS = 60_000;

/** Addresses that gave the right password. */
const MAX_KNOWN = 16;

/**
 * Knows the operator by the Basic credentials of the configuration.
 *
 * Wrong passwords are bounded for all addresses together, but apart for the operator's own listener and for addresses that
 * gave the right one before: who guesses on the public port must not lock the operator out.
 */
@Injectable()
export class OperatorAccess {
  private readonly logger = new Logger(OperatorAccess.name);
  private readonly expected: Buffer | null;
  private readonly attempts = {
    public: new PasswordAttempts(),
    operator: new PasswordAttempts(),
    known: new PasswordAttempts(),
  };
  private readonly known = new Set<string>();
  private readonly listeners: ((refusal: Refusal) => void)[] = [];
  private notYetLogged: Record<Refusal, number> = { wrong: 0, limited: 0 };
  private timer: NodeJS.Timeout | null = null;

  constructor(
    config: AppConfig,
    private readonly doors: OperatorListener,
    private readonly events: OperatorEvents,
  ) {
    const { credentials } = config.statistics;
    this.expected = credentials && digest(`${credentials.username}:${credentials.password}`);
  }

  /** False: no credentials are configured, and nobody is the operator. */
  get isConfigured(): boolean {
    return this.expected !== null;
  }

  onRefusal(listener: (refusal: Refusal) => void): void {
    this.listeners.push(listener);
  }

  /** Says who sent a request. A wrong password uses up an attempt. */
  callerOf(request: FastifyRequest): Caller {
    const given = passwordOf(request.headers.authorization);
    if (!this.expected || given === null) return 'stranger';
    const attempts = this.attemptsOf(request);
    if (!attempts.areAllowed) return this.refuse('limited');
    // Digests have one length, so the comparison takes the same time whatever was given.
    if (timingSafeEqual(digest(given), this.expected)) {
      this.remember(request.ip);
      return 'operator';
    }
    attempts.countWrong();
    return this.refuse('wrong');
  }

  /** Seconds after which a password is looked at again. */
  pauseSecondsFor(request: FastifyRequest): number {
    return this.attemptsOf(request).pauseSeconds;
  }

  private attemptsOf(request: FastifyRequest): PasswordAttempts {
    if (this.doors.doorOf(request) === 'operator') return this.attempts.operator;
    return this.known.has(request.ip) ? this.attempts.known : this.attempts.public;
  }

  /** Puts the address last; when there are too many, the one that was longest without a right password is forgotten. */
  private remember(address: string): void {
    this.known.delete(address);
    this.known.add(address);
    const [oldest] = this.known;
    if (this.known.size > MAX_KNOWN && oldest !== undefined) this.known.delete(oldest);
  }

  private refuse(refusal: Refusal): Refusal {
    this.notYetLogged[refusal]++;
    for (const listener of this.listeners) listener(refusal);
    // The first refusal is logged at once, later ones once a minute.
    if (!this.timer) this.log();
    return refusal;
  }

  private log(): void {
    this.timer = null;
    const { wrong, limited } = this.notYetLogged;
    if (wrong + limited === 0) return;
    this.notYetLogged = { wrong: 0, limited: 0 };
    this.logger.warn({ msg: "wrong passwords for the operator's endpoints", wrong, notLookedAt: limited });
    if (limited > 0) this.events.emit({ kind: 'passwords-guessed', count: wrong + limited });
    this.timer = setTimeout(() => this.log(), LOG_EVERY_MS).unref();
  }
}

/** `name:password`; null = there are no Basic credentials. */
function passwordOf(authorization: string | undefined): string | null {
  const [scheme, value] = (authorization ?? '').split(' ', 2);
  return scheme?.toLowerCase() === 'basic' ? Buffer.from(value ?? '', 'base64').toString('utf8') : null;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
