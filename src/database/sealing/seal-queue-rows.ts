import { type DataSource, type EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { type Sealing } from '../../sealing/sealing.js';
import { endOfGeneration } from '../../sealing/sealing.protocol.js';
import { sealTarget } from '../../sealing/sealed-target.js';
import { type DatabaseWriter } from '../database-writer.js';
import { countRows } from '../dialect.js';

/** One transaction. */
const PAGE_ROWS = 1000;

/** A text column of MariaDB has 64 KB, which a list of sealed tokens may exceed where the plain one did not. */
const MAX_TARGETS_BYTES = 60_000;

interface QueueRow {
  id: string;
  recipient: string;
  /** JSON. */
  targets: string | null;
}

type Target = { token: string; serviceInfo?: string };

/**
 * Looks at every row.
 *
 * @param generation of the data key in use
 */
export function countQueueToSeal({ manager }: DataSource, generation: number): Promise<number> {
  const statement = 'SELECT COUNT(*) AS count FROM queued_notifications WHERE recipient > ?';
  return countRows(manager, statement, [endOfGeneration(generation)]);
}

/** Seals recipients and devices of what waits in the table. */
export async function sealQueue(
  dataSource: DataSource,
  writer: DatabaseWriter,
  sealing: Sealing,
  onRows: (rows: number) => void,
): Promise<void> {
  let last = '';
  for (;;) {
    const page = await dataSource.query<QueueRow[]>(
      `SELECT id, recipient, targets FROM queued_notifications
        WHERE id > ? AND recipient > ? ORDER BY id LIMIT ${PAGE_ROWS}`,
      [last, endOfGeneration(sealing.generation)],
    );
    if (page.length === 0) return;
    await writer.write(async (manager) => {
      for (const row of page) await sealRow(manager, row, sealing);
    });
    last = page.at(-1)?.id ?? last;
    onRows(page.length);
  }
}

async function sealRow(manager: EntityManager, { id, recipient, targets }: QueueRow, sealing: Sealing): Promise<void> {
  const sealedRecipient = sealing.id(recipient);
  const [list = null, ...more] = targets === null ? [] : sealTargets(targets, sealing);
  // A cursor is made of an id as it was; the pages of its item begin again.
  await manager.query(
    `UPDATE queued_notifications SET recipient = ?, targets = ?,
            page_cursor = CASE WHEN page_cursor IS NULL THEN NULL ELSE '' END WHERE id = ?`,
    [sealedRecipient, list, id],
  );
  for (const other of more) {
    await manager.query(
      `INSERT INTO queued_notifications (id, notification_id, lane, leased, available_at, accepted_at, expires_at,
                                         attempts, recipient, content, urgency, data, provider, targets)
       SELECT ?, notification_id, lane, leased, available_at, accepted_at, expires_at, attempts, recipient, content,
              urgency, data, provider, ?
         FROM queued_notifications WHERE id = ?`,
      [uuidv7(), other, id],
    );
  }
}

function sealTargets(json: string, sealing: Sealing): string[] {
  const targets = JSON.parse(json) as Target[];
  return inFittingLists(targets.map((target) => sealTarget(sealing, target)));
}

function inFittingLists(targets: readonly Target[]): string[] {
  const list = JSON.stringify(targets);
  if (list.length <= MAX_TARGETS_BYTES || targets.length === 1) return [list];
  const half = Math.ceil(targets.length / 2);
  return [...inFittingLists(targets.slice(0, half)), ...inFittingLists(targets.slice(half))];
}
