interface Entry {
  readonly tokens: readonly string[];
  /** Devices that may get it too: those that are being subscribed. */
  readonly perhaps: ReadonlySet<string>;
  /** A node reported it: nobody is answered, so that it counts as acknowledged once it is known to be in the queue. */
  readonly isReported: boolean;
  /** Monotonic milliseconds. */
  readonly askedAt: number;
  acknowledged: boolean;
  /** Times that it may have been on its way twice: see {@link DeliveryLedger.mayRepeat}. */
  repeats: number;
  readonly receipts: Map<string, number>;
  /** By device: see {@link DeliveryLedger.answerMayBeLost}. */
  readonly lostAnswers: Map<string, number>;
}

export interface DeliverySummary {
  /** Acknowledged notifications. */
  acknowledged: number;
  /** Pushes taken by the gateways. */
  pushes: number;
  /** Devices of acknowledged notifications that got neither that push nor, after it was asked for, one without content. */
  lost: number;
  /** Devices of acknowledged notifications that were woken without content instead: the server collapsed what it had for them. */
  collapsed: number;
  /** Pushes without content taken by the gateways. */
  wakeups: number;
  /** Pushes beyond the first for one notification and device. */
  duplicates: number;
  /** The most that there may be: devices of what was in flight at each kill or cut connection, of either side. */
  duplicatesAllowed: number;
  /** Duplicates of what was not in flight. */
  unexplained: number;
  /** Pushes for a device that the notification was not for, or with content that nobody sent. */
  strays: number;
}

/**
 * Which notification has to reach which devices, and what the gateways took. A notification is known by a name in its
 * data, see {@link DeliveryLedger.newData}.
 */
export class DeliveryLedger {
  private readonly entries = new Map<string, Entry>();
  private readonly ended = new Set<string>();
  private readonly throttled = new Set<string>();
  /** All devices that something was asked for. */
  private readonly devices = new Set<string>();
  /** When a device got a push without content the last time, in monotonic milliseconds. */
  private readonly woken = new Map<string, number>();
  private readonly begunAt = performance.now();
  private wakeups = 0;
  private strays = 0;
  private made = 0;

  /** Data that no other notification has. */
  newData(padding: string): string {
    return `NOTE${String(++this.made).padStart(12, '0')}${padding}`;
  }

  /** @param perhaps may get more while the notification is on its way */
  asked(
    data: string,
    tokens: readonly string[],
    { isReported = false, perhaps = NOBODY }: { isReported?: boolean; perhaps?: ReadonlySet<string> } = {},
  ): void {
    const maps = { receipts: new Map<string, number>(), lostAnswers: new Map<string, number>() };
    const askedAt = performance.now();
    this.entries.set(nameOf(data), { tokens, perhaps, isReported, askedAt, acknowledged: false, repeats: 0, ...maps });
    for (const token of tokens) this.devices.add(token);
  }

  /** The device is no more: what has not reached it by now will not. */
  end(token: string): void {
    this.ended.add(token);
  }

  /** Its push service asked to leave the device alone: what waits for it may be collapsed, so that nothing is called lost. */
  throttle(token: string): void {
    this.throttled.add(token);
  }

  acknowledged(data: string): void {
    this.entry(data).acknowledged = true;
  }

  /**
   * It was in flight when the process died, or its answer got lost and it is sent again: each device may get it once
   * more. Called for each copy that was in flight.
   */
  mayRepeat(data: string): void {
    this.entry(data).repeats++;
  }

  /** The device got it, and the answer to that may not have been read: it alone may get it once more. */
  answerMayBeLost(payload: string, token: string): void {
    const lost = this.entries.get(nameOf(payload))?.lostAnswers;
    lost?.set(token, (lost.get(token) ?? 0) + 1);
  }

  /** It was found in the queue of a process that died, see {@link mayRepeat}: what was reported is acknowledged by that. */
  queued(data: string): void {
    const entry = this.entry(data);
    entry.repeats++;
    if (entry.isReported) entry.acknowledged = true;
  }

  /** @param payload whatever holds the data; null = there was none in the push */
  received(payload: string | null, token: string): void {
    if (payload === null && this.devices.has(token)) {
      this.wakeups++;
      this.woken.set(token, performance.now());
      return;
    }
    const entry = this.entries.get(nameOf(payload ?? ''));
    if (!entry || !(entry.tokens.includes(token) || entry.perhaps.has(token))) {
      this.strays++;
      return;
    }
    entry.receipts.set(token, (entry.receipts.get(token) ?? 0) + 1);
    // It was in the queue for all its phones before it went to the first.
    if (entry.isReported) entry.acknowledged = true;
  }

  /** Acknowledged notifications that have not reached all their devices. */
  pending(): number {
    return [...this.entries.values()].filter((entry) => entry.acknowledged && this.isWaiting(entry)).length;
  }

  summary(): DeliverySummary {
    const total = {
      acknowledged: 0,
      pushes: 0,
      lost: 0,
      collapsed: 0,
      duplicates: 0,
      duplicatesAllowed: 0,
      unexplained: 0,
    };
    for (const entry of this.entries.values()) {
      if (entry.acknowledged) {
        total.acknowledged++;
        const lost = this.lostOf(entry).length;
        total.lost += lost;
        total.collapsed += this.missingOf(entry).length - lost;
      }
      total.duplicatesAllowed += entry.repeats * entry.tokens.length;
      for (const lost of entry.lostAnswers.values()) total.duplicatesAllowed += lost;
      for (const [token, count] of entry.receipts) {
        total.pushes += count;
        total.duplicates += count - 1;
        total.unexplained += Math.max(0, count - 1 - entry.repeats - (entry.lostAnswers.get(token) ?? 0));
      }
    }
    return { ...total, wakeups: this.wakeups, strays: this.strays };
  }

  /** Of what is lost: for which devices, and how many seconds after the ledger was begun it was asked for. */
  lost(): { token: string; seconds: number }[] {
    return [...this.entries.values()]
      .filter(({ acknowledged }) => acknowledged)
      .flatMap((entry) =>
        this.lostOf(entry).map((token) => ({ token, seconds: (entry.askedAt - this.begunAt) / 1000 })),
      );
  }

  private lostOf(entry: Entry): string[] {
    return this.missingOf(entry).filter((token) => !this.isWokenSince(entry.askedAt, token));
  }

  private isWaiting(entry: Entry): boolean {
    return this.lostOf(entry).length > 0;
  }

  private missingOf({ tokens, receipts }: Entry): string[] {
    const { ended, throttled } = this;
    return tokens.filter((token) => !receipts.has(token) && !ended.has(token) && !throttled.has(token));
  }

  private isWokenSince(time: number, token: string): boolean {
    return (this.woken.get(token) ?? -Infinity) > time;
  }

  private entry(data: string): Entry {
    const entry = this.entries.get(nameOf(data));
    if (!entry) throw new Error('There is no notification with this data.');
    return entry;
  }
}

const nameOf = (text: string): string => /NOTE\d{12}/.exec(text)?.[0] ?? '';
const NOBODY: ReadonlySet<string> = new Set();
