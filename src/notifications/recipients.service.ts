import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { padToPowerOfTwo, placeholders } from '../database/statement-sizes.js';
import { type DeviceType } from '../devices/device.entity.js';
import { PUSH_PROVIDERS } from './transports/push-providers.js';
import { type ApnsEnvironment, type Provider, PROVIDERS, type PushTarget } from './transports/push-transport.js';

export type RecipientKind = 'one-to-one' | 'closed-group' | 'untracked';

/** Whom a notification goes to. */
export interface Recipients {
  kind: RecipientKind;
  targets: Map<Provider, PushTarget[]>;
}

const PROVIDER_OF: ReadonlyMap<DeviceType, Provider> = new Map(
  PROVIDERS.map((provider) => [PUSH_PROVIDERS[provider].deviceType, provider]),
);

interface Row {
  kind: 'one-to-one' | 'closed-group';
  recipient: string;
  /** null in the row that tells that a group without any device exists. */
  token: string | null;
  device_type: DeviceType;
  registered_at: number | string;
  apns_environment: ApnsEnvironment | null;
}

/**
 * Looks up whom notifications go to. An id with a token that is registered in full is a person; otherwise a known
 * closed group is all devices of its members, whatever they are registered for; anybody else is untracked.
 */
@Injectable()
export class RecipientsService {
  constructor(private readonly dataSource: DataSource) {}

  /** One query for the whole batch. Every id that is asked for is in the answer. */
  async find(ids: readonly string[]): Promise<Map<string, Recipients>> {
    const found = new Map<string, Recipients>(ids.map((id) => [id, { kind: 'untracked', targets: new Map() }]));
    for (const row of await this.query([...found.keys()])) {
      const recipients = found.get(row.recipient);
      if (!recipients || (recipients.kind === 'one-to-one' && row.kind === 'closed-group')) continue;
      if (recipients.kind !== row.kind) {
        recipients.kind = row.kind;
        recipients.targets.clear();
      }
      addTarget(recipients, row);
    }
    return found;
  }

  private async query(ids: string[]): Promise<Row[]> {
    const asked = padToPowerOfTwo(ids);
    const list = placeholders(asked.length);
    return this.dataSource.query<Row[]>(
      `SELECT 'one-to-one' AS kind, d.session_id AS recipient, d.token, d.device_type, d.registered_at, d.apns_environment
         FROM devices d
        WHERE d.session_id IN (${list}) AND d.legacy_groups_only = 0
       UNION ALL
       SELECT 'closed-group', g.group_id, d.token, d.device_type, d.registered_at, d.apns_environment
         FROM closed_groups g
         LEFT JOIN closed_group_members m ON m.group_id = g.group_id
         LEFT JOIN devices d ON d.session_id = m.session_id
        WHERE g.group_id IN (${list})`,
      [...asked, ...asked],
    );
  }
}

function addTarget(recipients: Recipients, row: Row): void {
  const provider = PROVIDER_OF.get(row.device_type);
  if (row.token === null || provider === undefined) return;
  const target = {
    token: row.token,
    registeredAt: Number(row.registered_at),
    apnsEnvironment: row.apns_environment,
  };
  const targets = recipients.targets.get(provider);
  if (targets) targets.push(target);
  else recipients.targets.set(provider, [target]);
}
