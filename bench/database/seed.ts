import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { swarmPlaceOf } from '../../src/subscriptions/wire/swarm-place.protocol.js';
import { type BenchDatabase, type Rows, type Value } from './bench-database.js';
import { dataOf, deviceCountOf, devicesOf, groupIdOf, membersOf, type Population, sessionIdOf } from './population.js';
import { accountOf, type Subscribers, subscriptionCountOf, tokensOf } from './subscribers.js';

const DAY_SECONDS = 24 * 3600;
/** What today's apps ask for. */
const NAMESPACES = '0,2,3,4,5';
const DAY_MS = 24 * 3_600_000;
const PROGRESS_EVERY_ROWS = 200_000;

type Progress = (text: string) => void;

/** Registers a population, past the server. */
export async function seedPopulation(
  database: BenchDatabase,
  population: Population,
  progress: Progress,
): Promise<void> {
  const registeredAt = Date.now();
  await insert(database, devices(population, registeredAt), progress);
  await insert(database, groups(population, registeredAt), progress);
  await insert(database, members(population), progress);
}

/** Subscribes a population, past the server: with signatures that nobody made. */
export async function seedSubscriptions(
  database: BenchDatabase,
  subscribers: Subscribers,
  progress: Progress,
): Promise<void> {
  await insert(database, subscriptions(subscribers, Date.now()), progress);
}

/** Puts notifications into the queue as if they had been accepted just now. Returns how many pushes they make. */
export async function seedQueue(
  database: BenchDatabase,
  { ids }: Population,
  { count, firstSequence }: { count: number; firstSequence: number },
  progress: Progress,
): Promise<number> {
  await insert(database, queued(ids, count, firstSequence, Date.now()), progress);
  return Array.from({ length: count }, (_, index) => deviceCountOf(index % ids)).reduce((sum, one) => sum + one, 0);
}

async function insert(database: BenchDatabase, rows: Rows, progress: Progress): Promise<void> {
  let reported = 0;
  await database.insert(rows, (inserted) => {
    if (inserted - reported < PROGRESS_EVERY_ROWS) return;
    reported = inserted;
    progress(`${rows.table}: ${inserted} of ${rows.count} rows`);
  });
}

function devices({ ids }: Population, registeredAt: number): Rows {
  return {
    table: 'devices',
    columns: ['token', 'session_id', 'device_type', 'legacy_groups_only', 'registered_at', 'apns_environment'],
    count: ids * 1.2,
    values: concat(ids, (id) =>
      devicesOf(id).map(({ token, platform }) => [token, sessionIdOf(id), platform, 0, registeredAt, null]),
    ),
  };
}

function subscriptions({ accounts }: Subscribers, registeredAt: number): Rows {
  return {
    table: 'subscriptions',
    columns: [
      ...['account', 'service', 'token', 'signer', 'swarm_place', 'namespaces', 'wants_data', 'sig_ts', 'credentials'],
      ...['enc_key', 'service_info', 'registered_at', 'accepted_at'],
    ],
    count: subscriptionCountOf({ accounts }),
    values: concat(accounts, (number) => {
      const account = accountOf(number);
      const signedAt = Math.floor(registeredAt / 1000) - (number % (7 * DAY_SECONDS));
      return tokensOf(number).map((token) => [
        ...[account.toString('hex'), 'firebase', token, 'owner', swarmPlaceOf(account), NAMESPACES, 1, signedAt],
        ...[randomBytes(96), randomBytes(32), null, registeredAt, registeredAt],
      ]);
    }),
  };
}

function groups({ groups: count }: Population, changedAt: number): Rows {
  return {
    table: 'closed_groups',
    columns: ['group_id', 'changed_at'],
    count,
    values: concat(count, (group) => [[groupIdOf(group), changedAt]]),
  };
}

function members(population: Population): Rows {
  return {
    table: 'closed_group_members',
    columns: ['group_id', 'session_id'],
    count: population.groups * 10,
    values: concat(population.groups, (group) =>
      membersOf(group, population).map((id) => [groupIdOf(group), sessionIdOf(id)]),
    ),
  };
}

function queued(ids: number, count: number, firstSequence: number, now: number): Rows {
  return {
    table: 'queued_notifications',
    columns: [
      ...['id', 'notification_id', 'lane', 'leased', 'available_at', 'accepted_at', 'expires_at', 'attempts'],
      ...['recipient', 'data', 'targets'],
    ],
    count,
    values: concat(count, (index) => {
      const uuid = uuidv7();
      const recipient = sessionIdOf(index % ids);
      return [[uuid, uuid, 'intake', 0, now, now, now + DAY_MS, 0, recipient, dataOf(firstSequence + index), null]];
    }),
  };
}

function* concat(count: number, rowsOf: (index: number) => Value[][]): Generator<Value[]> {
  for (let index = 0; index < count; index++) yield* rowsOf(index);
}
