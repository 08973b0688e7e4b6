import { Injectable } from '@nestjs/common';
import { type SignedAccount } from '../../swarms/wire/monitor-request.protocol.js';
import { type PlaceRange } from '../../swarms/wire/swarm-space.protocol.js';
import { type AccountPage, WatchedAccounts } from '../../swarms/watched-accounts.js';
import { type PageEnd, type WatchedAccount, WatchedAccountsService } from './watched-accounts.service.js';

/** The subscribed accounts as the monitor of the network reads them. */
@Injectable()
export class AccountPages extends WatchedAccounts {
  constructor(private readonly accounts: WatchedAccountsService) {
    super();
  }

  override placesInUse(): Promise<Iterable<number>> {
    return this.accounts.placesInUse();
  }

  override async page(range: PlaceRange, after: string | null, limit: number): Promise<AccountPage> {
    const from = after === null ? null : (JSON.parse(after) as PageEnd);
    const { accounts, end } = await this.accounts.pageOfAccounts(range, from, limit);
    return { accounts: accounts.flatMap(toSigned), next: end && JSON.stringify(end) };
  }

  override count(range: PlaceRange, belongs: (account: Buffer) => boolean): Promise<number> {
    return this.accounts.countAccounts(range, belongs);
  }
}

/** What has to be told of an account: once for each signature, of which the node makes one. */
export function toSigned({ account, requests }: WatchedAccount): SignedAccount[] {
  return requests.map(({ sessionEd25519, subaccount, namespaces, wantsData, sigTs, signature }) => ({
    account,
    ed25519: sessionEd25519,
    subaccount,
    namespaces,
    wantsData,
    signedAt: sigTs,
    signature,
  }));
}
