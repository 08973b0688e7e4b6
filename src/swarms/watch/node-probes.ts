import { type SignedAccount } from '../wire/monitor-request.protocol.js';
import { type Batch, type NodeTeller, toBatch } from './node-teller.js';

/**
 * Looks now and then whether nodes that refuse accounts, or do not answer, are mended. Each is asked about one account that
 * it should watch, which costs it one signature; to be told everything at such a pace would cost it thousands.
 */
export class NodeProbes {
  private readonly asked = new Map<NodeTeller, Batch>();
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param everyMs from one look to the next, up to a fifth more
   * @param deadlineMs for an answer
   * @param mended is told of a node that watches its account now; it is not asked again
   */
  constructor(
    private readonly everyMs: number,
    private readonly deadlineMs: number,
    private readonly mended: (teller: NodeTeller) => void,
  ) {}

  begin(teller: NodeTeller, account: SignedAccount): void {
    if (this.asked.has(teller)) return;
    this.asked.set(teller, toBatch([account]));
    this.wait();
  }

  end(teller: NodeTeller): void {
    this.asked.delete(teller);
  }

  close(): void {
    this.asked.clear();
    clearTimeout(this.timer);
  }

  private wait(): void {
    this.timer ??= setTimeout(() => void this.look(), this.everyMs * (1 + 0.2 * Math.random()));
  }

  private async look(): Promise<void> {
    await Promise.all([...this.asked].map(([teller, batch]) => this.ask(teller, batch)));
    this.timer = undefined;
    if (this.asked.size > 0) this.wait();
  }

  private async ask(teller: NodeTeller, batch: Batch): Promise<void> {
    const results = await teller.tell(batch, this.deadlineMs);
    if (results?.[0] !== 'watched' || this.asked.get(teller) !== batch) return;
    this.asked.delete(teller);
    this.mended(teller);
  }
}
