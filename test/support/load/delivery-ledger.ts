interface Entry {
  readonly tokens: readonly string[];
  acknowledged: boolean;
  /** Times that it may have been on its way twice: see {@link DeliveryLedger.mayRepeat}. */
  repeats: number;
  readonly receipts: Map<string, number>;
}

export interface DeliverySummary {
  /** Acknowledged notifications. */
  acknowledged: number;
  /** Pushes taken by the gateways. */
  pushes: number;
  /** Devices of acknowledged notifications that got nothing. */
  lost: number;
  /** Pushes beyond the first for one notification and device. */
  duplicates: number;
  /** The most that there may be: devices of what was in flight at each kill or cut connection. */
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
  private strays = 0;
  private made = 0;

  /** Data that no other notification has. */
  newData(padding: string): string {
    return `NOTE${String(++this.made).padStart(12, '0')}${padding}`;
  }

  asked(data: string, tokens: readonly string[]): void {
    this.entries.set(nameOf(data), { tokens, acknowledged: false, repeats: 0, receipts: new Map() });
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

  /** @param payload whatever holds the data */
  received(payload: string, token: string): void {
    const entry = this.entries.get(nameOf(payload));
    if (!entry?.tokens.includes(token)) {
      this.strays++;
      return;
    }
    entry.receipts.set(token, (entry.receipts.get(token) ?? 0) + 1);
  }

  /** Acknowledged notifications that have not reached all their devices. */
  pending(): number {
    return [...this.entries.values()].filter((entry) => entry.acknowledged && missingOf(entry) > 0).length;
  }

  summary(): DeliverySummary {
    const total = { acknowledged: 0, pushes: 0, lost: 0, duplicates: 0, duplicatesAllowed: 0, unexplained: 0 };
    for (const entry of this.entries.values()) {
      if (entry.acknowledged) {
        total.acknowledged++;
        total.lost += missingOf(entry);
      }
      total.duplicatesAllowed += entry.repeats * entry.tokens.length;
      for (const count of entry.receipts.values()) {
        total.pushes += count;
        total.duplicates += count - 1;
        total.unexplained += Math.max(0, count - 1 - entry.repeats);
      }
    }
    return { ...total, strays: this.strays };
  }

  private entry(data: string): Entry {
    const entry = this.entries.get(nameOf(data));
    if (!entry) throw new Error('There is no notification with this data.');
    return entry;
  }
}

const nameOf = (text: string): string => /NOTE\d{12}/.exec(text)?.[0] ?? '';
const missingOf = ({ tokens, receipts }: Entry): number => tokens.filter((token) => !receipts.has(token)).length;
