import { type SwarmNetwork } from '../gateways/swarm/network.js';

/** After which a storage node forgets a subscription that nobody renewed. */
const LAPSE_MS = 65 * 60_000;

/**
 * One swarm whose nodes are left alone, and whose phones subscribe once: it goes on reporting for longer than nodes remember
 * only when the server tells them everything again in time.
 */
export class QuietSwarm {
  /** Messages that all members reported, to a server that was not restarted for longer than nodes remember. */
  reportedAfterLapse = 0;
  readonly problems: string[] = [];
  private readonly swarmId: bigint | undefined;
  private livesSince = performance.now();

  constructor(private readonly network: SwarmNetwork) {
    [this.swarmId] = network.chain.swarmIds;
  }

  /** How long a run has to go on after its last restart to show that. */
  static readonly shownAfterMs = LAPSE_MS + 5 * 60_000;

  has(account: Buffer): boolean {
    return this.network.chain.swarmOf(account) === this.swarmId;
  }

  get others() {
    return this.network.members.filter(({ node }) => node.listed?.swarmId !== this.swarmId);
  }

  restarted(): void {
    this.livesSince = performance.now();
  }

  /** @param told members that reported a message for one of its accounts, to a server that has had time to connect */
  stored(account: Buffer, told: number): void {
    const members = this.network.membersOf(account).length;
    const sinceStart = performance.now() - this.livesSince;
    if (told < members) {
      const minutes = (sinceStart / 60_000).toFixed(1);
      this.problems.push(
        `${told} of ${members} nodes that nobody disturbed reported, ${minutes} minutes after the start`,
      );
    } else if (sinceStart > LAPSE_MS) this.reportedAfterLapse++;
  }
}
