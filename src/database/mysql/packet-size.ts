import { type DataSource } from 'typeorm';
import { LEAST_PACKET_BYTES } from '../statement-sizes.js';

/** The database server takes less in one statement than we may send. The message is for the operator. */
class PacketSizeError extends Error {
  override readonly name = 'PacketSizeError';
}

/** @throws PacketSizeError when a statement may be refused for its length, now and at every further try */
export async function requireRoomForStatements(dataSource: DataSource): Promise<void> {
  if (dataSource.options.type === 'better-sqlite3') return;
  const [row] = await dataSource.query<{ bytes: number | string }[]>('SELECT @@max_allowed_packet AS bytes');
  const bytes = Number(row?.bytes);
  if (bytes >= LEAST_PACKET_BYTES) return;
  throw new PacketSizeError(
    `The database server takes statements of ${bytes} bytes at the most. Set its max_allowed_packet to 1M or more (16M is usual).`,
  );
}
