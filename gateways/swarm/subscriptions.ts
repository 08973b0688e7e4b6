import { type Watch } from './monitor-request.js';

/** Of one account on one line. */
interface Subscription {
  readonly route: Buffer;
  namespaces: readonly number[];
  data: boolean;
  endsAt: number;
}

/** Somebody who is to be told of a message, with or without its content. */
export interface Listener {
  readonly route: Buffer;
  readonly data: boolean;
}

/**
 * Who asked a node to be told of what. The key is the routing id, which anybody may claim, so that a line that was cut
 * keeps its subscriptions. Several of one account on one line are united and never narrowed.
 */
export class Subscriptions {
  private readonly byAccount = new Map<string, Map<string, Subscription>>();

  constructor(
    private readonly lapseMs: number,
    private readonly now: () => number,
  ) {}

  add(route: Buffer, { account, namespaces, data }: Watch): void {
    const key = account.toString('latin1');
    const lines = this.byAccount.get(key) ?? new Map<string, Subscription>();
    this.byAccount.set(key, lines);
    const line = route.toString('latin1');
    // As in the real node, what has lapsed is not erased, and asking again brings all of it back.
    const known = lines.get(line);
    const united = [...new Set([...(known?.namespaces ?? []), ...namespaces])].toSorted((a, b) => a - b);
    const endsAt = this.now() + this.lapseMs;
    lines.set(line, { route, namespaces: united, data: data || (known?.data ?? false), endsAt });
  }

  /** Each line once, however often it asked. */
  listeners(account: Buffer, namespace: number): Listener[] {
    return this.active(account).filter(({ namespaces }) => namespaces.includes(namespace));
  }

  /** Ends the subscriptions of accounts that are not kept any more; with the lines to tell it. */
  endForeign(kept: (account: Buffer) => boolean): { account: Buffer; routes: Buffer[] }[] {
    return [...this.byAccount].flatMap(([key, lines]) => {
      const account = Buffer.from(key, 'latin1');
      if (kept(account)) return [];
      this.byAccount.delete(key);
      return [{ account, routes: [...lines.values()].map(({ route }) => route) }];
    });
  }

  clear(): void {
    this.byAccount.clear();
  }

  /** What counts now, for tests: accounts, and of one of them what each line asked for. */
  get accounts(): Buffer[] {
    return [...this.byAccount.keys()]
      .map((key) => Buffer.from(key, 'latin1'))
      .filter((account) => this.active(account).length > 0);
  }

  of(account: Buffer): readonly Readonly<Subscription>[] {
    return this.active(account);
  }

  private active(account: Buffer): Subscription[] {
    const lines = this.byAccount.get(account.toString('latin1'));
    return lines ? [...lines.values()].filter(({ endsAt }) => endsAt >= this.now()) : [];
  }
}
