import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HookMessage } from './hook-message.protocol.js';
import { type Hook, isTaken } from './hook.js';

export interface WebhookTiming {
  /** Pauses before the second try and those after it. */
  pausesMs: readonly number[];
  requestTimeoutMs: number;
  /** What still waits then is dropped with a log line; an alert of yesterday is of no use. */
  maxWaiting: number;
}

const DEFAULTS: WebhookTiming = { pausesMs: [1000, 5000, 30_000, 120_000], requestTimeoutMs: 10_000, maxWaiting: 50 };

type Try = 'taken' | { retry: boolean; because: string };

/** Posts to the operator's hook, one after the other, with a few more tries. Never rejects, never logs the address. */
export class WebhookSender {
  private readonly logger = new Logger(WebhookSender.name);
  private readonly timing: WebhookTiming;
  private readonly stopped = new AbortController();
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly hook: Hook,
    timing: Partial<WebhookTiming> = {},
  ) {
    this.timing = { ...DEFAULTS, ...timing };
  }

  /** True: the hook took it. False: it did not in any try, or too much waits already. */
  send(message: HookMessage): Promise<boolean> {
    if (this.waiting >= this.timing.maxWaiting) {
      this.logger.warn({ msg: 'an alert was not sent', because: 'too many wait' });
      return Promise.resolve(false);
    }
    this.waiting++;
    const sending = this.last.then(() => this.deliver(message)).finally(() => this.waiting--);
    this.last = sending;
    return sending;
  }

  /** Ends the try under way; what waits is not sent. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.last;
  }

  private async deliver(message: HookMessage): Promise<boolean> {
    for (const pauseMs of [0, ...this.timing.pausesMs]) {
      if (!(await this.pause(pauseMs))) return false;
      const result = await this.post(message);
      if (result === 'taken') return true;
      this.logger.warn({ msg: 'the alert hook does not answer as it should', ...result });
      if (!result.retry) return false;
    }
    return false;
  }

  /** False: stopped. */
  private async pause(ms: number): Promise<boolean> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.stopped.signal, ref: false }).catch(() => undefined);
    return !this.stopped.signal.aborted;
  }

  private async post(message: HookMessage): Promise<Try> {
    const signal = AbortSignal.any([this.stopped.signal, AbortSignal.timeout(this.timing.requestTimeoutMs)]);
    const answer = await this.hook.post(message, signal);
    if (isTaken(answer)) return 'taken';
    if (answer.kind === 'none') return { retry: true, because: answer.reason };
    return { retry: answer.status === 429 || answer.status >= 500, because: `HTTP ${answer.status}` };
  }
}
