import { type EntityManager } from 'typeorm';
import { inPowersOfTwo, placeholders } from '../../database/statement-sizes.js';
import { legacyContent, type PushContent, type Urgency } from '../../providers/push-content.js';
import { type Provider, PROVIDERS, type StoredTarget } from '../../providers/push-transport.js';
import { type Lane, type PushAddress, type QueueItem } from './notification-queue.js';

export const ROW_COLUMNS =
  'id, notification_id, lane, leased, available_at, accepted_at, expires_at, attempts, recipient, content, urgency, data, ' +
  'provider, targets, page_cursor';
const ROW = `(${placeholders(ROW_COLUMNS.split(',').length)})`;
/** By the number of rows. The same text each time is found the faster among the prepared statements. */
const INSERTS = new Map<number, string>();

/** A row as both drivers give it; a large integer may come as text. */
export interface QueueRow {
  id: string;
  notification_id: string;
  lane: Lane;
  available_at: number | string;
  accepted_at: number | string;
  expires_at: number | string;
  attempts: number;
  recipient: QueueItem['recipient'];
  content: PushContent['kind'] | null;
  urgency: Urgency | null;
  data: string | null;
  provider: Provider | null;
  targets: string | null;
  page_cursor: string | null;
}

export interface NewRow {
  item: QueueItem;
  leased: boolean;
}

export async function insertRows(manager: EntityManager, rows: readonly NewRow[]): Promise<void> {
  for (const piece of inPowersOfTwo(rows.map(toValues), bytesOf)) {
    await manager.query(insertOf(piece.length), piece.flat());
  }
}

function insertOf(rows: number): string {
  const known = INSERTS.get(rows);
  if (known !== undefined) return known;
  const values = new Array<string>(rows).fill(ROW).join(', ');
  const insert = `INSERT INTO queued_notifications (${ROW_COLUMNS}) VALUES ${values}`;
  INSERTS.set(rows, insert);
  return insert;
}

const toValues = ({ item, leased }: NewRow): readonly unknown[] => [
  item.id,
  item.notificationId,
  item.lane,
  leased ? 1 : 0,
  item.availableAt,
  item.acceptedAt,
  item.expiresAt,
  item.attempts,
  item.recipient,
  item.content.kind,
  item.urgency,
  dataOf(item.content),
  item.to?.provider ?? null,
  item.to && JSON.stringify(item.to.targets),
  item.cursor ?? null,
];

/** Characters, of which nearly all are ASCII; the numbers are small. */
const bytesOf = (values: readonly unknown[]): number =>
  values.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 0), 0);

export function toItem(row: QueueRow): QueueItem {
  return {
    id: row.id,
    notificationId: row.notification_id,
    lane: row.lane === 'aside' ? laneBefore(row) : row.lane,
    recipient: row.recipient,
    content: contentOf(row.content, row.data),
    urgency: row.urgency ?? 'high',
    to: addressOf(row),
    acceptedAt: Number(row.accepted_at),
    expiresAt: Number(row.expires_at),
    availableAt: Number(row.available_at),
    attempts: row.attempts,
    ...(row.page_cursor === null ? {} : { cursor: row.page_cursor }),
  };
}

/** The lane of an item that was put aside; one that brought its devices is past the intake. */
const laneBefore = ({ provider, page_cursor }: QueueRow): Lane =>
  page_cursor === null ? (provider ?? 'intake') : 'large';

function dataOf(content: PushContent): string | null {
  switch (content.kind) {
    case 'none':
      return null;
    case 'legacy':
      return content.data;
    case 'sealed':
      return content.payload;
  }
}

/** @param kind null = stored by version 0.1.0, which knew two kinds and told them apart by whether there are data */
function contentOf(kind: PushContent['kind'] | null, data: string | null): PushContent {
  if (kind === 'sealed') return { kind, payload: data };
  return legacyContent(data);
}

function addressOf({ lane, provider, targets }: QueueRow): PushAddress | null {
  const whose = provider ?? PROVIDERS.find((name) => name === lane) ?? null;
  return targets === null || whose === null
    ? null
    : { provider: whose, targets: JSON.parse(targets) as StoredTarget[] };
}
