import { Redis } from 'ioredis';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What somebody who copies the database gets: the bytes of its files, which hold more than its rows. */
export async function rawBytes(url: string): Promise<Buffer> {
  if (!url.startsWith('sqlite:')) return rawTables(url);
  const path = url.slice('sqlite:'.length);
  const files = ['', '-wal', '-shm'].map((ending) => path + ending).filter((file) => existsSync(file));
  return Buffer.concat(files.map((file) => readFileSync(file)));
}

/** The files of the tables, once everything that is in memory is in them. */
async function rawTables(url: string): Promise<Buffer> {
  const connection = await createConnection(url);
  try {
    const [[server]] = await connection.query<RowDataPacket[]>('SELECT @@datadir AS folder, DATABASE() AS name');
    const folder = join(String(server?.['folder']), String(server?.['name']));
    const files = readdirSync(folder).filter((file) => file.endsWith('.ibd'));
    await connection.query(`FLUSH TABLES ${files.map((file) => file.replace('.ibd', '')).join(', ')} FOR EXPORT`);
    return Buffer.concat(files.map((file) => readFileSync(join(folder, file))));
  } finally {
    await connection.end();
  }
}

/** Everything that a Redis database holds, names included. */
export async function redisContent(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    const contents: unknown[] = [];
    for (const key of await redis.keys('*')) {
      const type = await redis.type(key);
      if (type === 'hash') contents.push([key, await redis.hgetall(key)]);
      else contents.push([key, type === 'string' ? await redis.get(key) : type]);
    }
    return JSON.stringify(contents);
  } finally {
    redis.disconnect();
  }
}
