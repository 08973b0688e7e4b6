import { type INestApplicationContext } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { describeError } from '../../common/words/describe-error.js';
import { readDatabaseId } from '../../database/database-id.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { type AsideNotifications } from '../../delivery/queue/aside-notifications.js';
import { TableAside } from '../../delivery/queue/table-aside.js';
import { CliError } from '../cli-error.js';
import { formatCount, formatTable, print, printJson } from '../output.js';
import { withDatabase } from '../with-database.js';
import { type JsonOption } from './devices.action.js';

export async function listAside({ json }: JsonOption): Promise<void> {
  const found = await withAside((aside) => aside.summary());
  const rows = found.map(({ lane, count, oldestAcceptedAt }) => ({
    lane,
    count,
    oldestAcceptedAt: new Date(oldestAcceptedAt).toISOString(),
  }));
  if (json) printJson(rows);
  else if (rows.length === 0) print('Nothing is set aside.');
  else {
    const head = ['lane', 'notifications', 'oldest accepted at'];
    print(formatTable([head, ...rows.map((row) => [row.lane, row.count, row.oldestAcceptedAt])]));
  }
}

export async function releaseAside({ json }: JsonOption): Promise<void> {
  const released = await withAside((aside) => aside.release());
  if (json) printJson({ released });
  else print(`Released ${formatCount(released)} notifications; they are tried again.`);
}

export async function dropAside({ json }: JsonOption): Promise<void> {
  const dropped = await withAside((aside) => aside.drop());
  if (json) printJson({ dropped });
  else print(`Dropped ${formatCount(dropped)} notifications; they are not delivered.`);
}

/** Where the server's queue is. */
function withAside<T>(work: (aside: AsideNotifications) => Promise<T>): Promise<T> {
  return withDatabase((app, { redisUrl }) =>
    redisUrl === null
      ? work(new TableAside(app.get(DataSource), app.get(DatabaseWriter)))
      : withRedis(app, redisUrl, work),
  );
}

async function withRedis<T>(
  app: INestApplicationContext,
  url: string,
  work: (aside: AsideNotifications) => Promise<T>,
): Promise<T> {
  const { RedisClient } = await import('../../redis/redis-client.js');
  const { claimRedis } = await import('../../redis/redis-owner.js');
  const { RedisAside } = await import('../../delivery/queue/redis/redis-aside.js');
  const redis = new RedisClient(url);
  let lastError: unknown = null;
  redis.on('error', (error: unknown) => (lastError = error));
  try {
    await redis.connect().catch((error: unknown) => {
      const { code, type } = describeError(lastError ?? error);
      throw new CliError(`Redis cannot be reached (${code ?? type}), check REDIS_URL.`);
    });
    await claimRedis(redis, (await readDatabaseId(app.get(DataSource))).value);
    return await work(new RedisAside(redis));
  } finally {
    redis.disconnect();
  }
}
