import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { describeError } from '../../common/words/describe-error.js';
import { AppConfig } from '../../config/app-config.js';
import { Duties } from '../../config/duties.js';
import { SwarmKeyClaim } from '../../swarms/lines/swarm-key-claim.js';
import { SwarmMonitor } from '../../swarms/watch/swarm-monitor.service.js';
import { toSigned } from './account-pages.js';
import { SubscriptionSignal } from './subscription-signal.js';
import { WatchedAccountsService } from './watched-accounts.service.js';

/** Nodes are told together of what changes within this time. */
const BATCH_WINDOW_MS = 50;
/** Accounts that are read and told at one time. More of them than can be remembered are told with the next renewal. */
const ACCOUNTS_AT_ONCE = 200;
const MAX_PENDING = 20_000;
/** The rest of the second within which a new subscription is watched. */
const RETRY_MS = 500;
const LOOK_AGAIN_MS = 60_000;

/** Watches the storage network where that is this process's duty, and tells the nodes of what is subscribed meanwhile. */
@Injectable()
export class NetworkWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(NetworkWatch.name);
  private readonly pending = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private lookTimer: NodeJS.Timeout | undefined;
  private lookedAt = -Infinity;
  private stopped = false;

  constructor(
    private readonly config: AppConfig,
    private readonly duties: Duties,
    private readonly monitor: SwarmMonitor,
    private readonly swarmKey: SwarmKeyClaim,
    private readonly accounts: WatchedAccountsService,
    private readonly signal: SubscriptionSignal,
  ) {}

  get isOn(): boolean {
    return this.config.network !== null && this.duties.watches;
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.isOn) return;
    this.signal.listen(
      (accounts) => this.note(accounts),
      () => this.lookAgain(),
    );
    await this.swarmKey.hold({ granted: () => this.monitor.start(), revoked: () => this.monitor.rest() });
  }

  /** Before anything else: what comes in later could not be kept any more, and the other members of a swarm report it again. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.lookTimer);
    if (!this.isOn) return;
    await this.monitor.stop();
    await this.swarmKey.release();
  }

  /** Costs as much as a renewal of everything: not more than once in a while, however often a connection breaks. */
  private lookAgain(): void {
    if (this.lookTimer || this.stopped) return;
    const wait = Math.max(0, this.lookedAt + LOOK_AGAIN_MS - performance.now());
    this.lookTimer = setTimeout(() => {
      this.lookTimer = undefined;
      this.lookedAt = performance.now();
      this.monitor.lookAgain();
    }, wait);
  }

  private note(accounts: readonly string[]): void {
    for (const account of accounts) if (this.pending.size < MAX_PENDING) this.pending.add(account);
    this.schedule(BATCH_WINDOW_MS);
  }

  private schedule(ms: number): void {
    if (this.timer || this.stopped) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.tell();
    }, ms);
  }

  private async tell(): Promise<void> {
    const some = [...this.pending].slice(0, ACCOUNTS_AT_ONCE);
    for (const account of some) this.pending.delete(account);
    try {
      const found = await this.accounts.findAll(some);
      this.monitor.watch(found.flatMap(toSigned));
      if (this.pending.size > 0) this.schedule(0);
    } catch (error) {
      this.logger.warn({ msg: 'new subscriptions could not be read yet', error: describeError(error) });
      for (const account of some) this.pending.add(account);
      this.schedule(RETRY_MS);
    }
  }
}
