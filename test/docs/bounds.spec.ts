import { randomBytes } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { maxHeaderSize } from 'node:http';
import { expect, it } from 'vitest';
import { DEFAULT_LINES_TUNING } from '../../src/swarms/lines/node-lines.js';
import { fingerprintOf } from '../../src/swarms/reports/seen-messages.js';
import { generateKeyPair } from '../../src/onion/protocol/key-agreement.js';
import { sealRequest } from '../../src/onion/protocol/onion-client.js';
import { newGroup, newMember, subscribeRequest } from '../support/subscribing-phone.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const KIB = 1024;
const MIB = 1024 * 1024;

/** What the code says, by the name that it has there: a product of whole numbers. */
function bound(file: string, name: string): number {
  const text = readFileSync(`src/${file}`, 'utf8');
  const [, product] = new RegExp(`\\b${name}(?: =|:) ([\\d_]+(?: \\* [\\d_]+)*)[,; }]`).exec(text) ?? [];
  if (product === undefined) throw new Error(`src/${file} has no number of the name ${name}`);
  return product.split(' * ').reduce((result, factor) => result * Number(factor.replaceAll('_', '')), 1);
}

/** What the code says in days. */
function days(file: string, name: string): number {
  const [, count] = new RegExp(`\\b${name} = (?:(\\d+) \\* )?DAY_MS;`).exec(readFileSync(`src/${file}`, 'utf8')) ?? [];
  return Number(count ?? 1);
}

const tuning = (name: string): number => bound('delivery/delivery-tuning.ts', name);
const conduct = (name: string): number => bound('swarms/lines/node-conduct.ts', name);
const number = (value: number): string => value.toLocaleString('en');
const WORDS = ['zero', 'one', 'two', 'three', 'four'];
const word = (value: number): string => WORDS[value] ?? String(value);

const FINGERPRINT_BYTES = fingerprintOf(
  { account: Buffer.alloc(33), hash: 'hash', namespace: 0, expiresAt: 0, data: null },
  Buffer.alloc(32),
).length;

/** Of a set that doubles when it is half full. */
const bytesOfTable = (entries: number): number => FINGERPRINT_BYTES * 2 ** Math.ceil(Math.log2(2 * entries));

/** The probability that a new message is taken for one of so many. */
function wrongMatch(entries: number): string {
  const [digits, exponent] = (entries / 2 ** (8 * FINGERPRINT_BYTES)).toExponential(1).split('e');
  return `${digits} * 10^${exponent}`;
}

/** A row by its beginning, and what stands in it by the code. */
const ROWS: Readonly<Record<string, () => string[]>> = {
  'devices of one look-up': () => [
    number(tuning('lookUpDevices')),
    `more than ${bound('notifications/registered-recipients.ts', 'LARGE_RECIPIENT')} is taken in pages`,
  ],
  'devices of notifications under way': () => [number(tuning('maxOpenDevices'))],
  'pages of large recipients': () => [
    `${word(tuning('pagesAtOnce'))} per provider, of ${bound('notifications/registered-recipients.ts', 'MEMBERS_PER_PAGE')} members`,
  ],
  'devices of one member': () => [`: ${bound('notifications/registered-recipients.ts', 'MAX_DEVICES_PER_MEMBER')} `],
  'notifications and pushes per recipient': () => [
    `${number(tuning('maxPerRecipientAndMinute'))} and ${number(tuning('maxPushesPerRecipientAndMinute'))} a minute`,
  ],
  'pushes per device': () => [
    `${tuning('deviceBurst')}, then ${tuning('devicePushesPerMinute')} a minute`,
    `one without content per ${tuning('deviceWakeupMs') / SECOND} s`,
  ],
  'stale pushes per device': () => [`: ${word(tuning('keepStalePerDevice'))}, `],
  'requests waiting in memory': () => [number(tuning('maxProviderBacklog'))],
  'pushes that HMS wants split': () => [
    `${word(bound('providers/huawei/huawei.transport.ts', 'MAX_SPLITTING'))}, ${bound('providers/huawei/huawei.transport.ts', 'SPLIT_REQUESTS')} requests`,
  ],
  'devices per id': () => [
    `devices per id: ${bound('devices/devices.service.ts', 'MAX_DEVICES_PER_SESSION_ID')};`,
    `members per group: ${number(bound('closed-groups/closed-groups.service.ts', 'MAX_MEMBERS_PER_GROUP'))} `,
  ],
  'groups per registration': () => [
    `: ${bound('closed-groups/dto/closed-group-commands.dto.ts', 'MAX_GROUPS_PER_REGISTRATION')} `,
  ],
  'items per request': () => [`: ${bound('subscriptions/subscriptions.commands.ts', 'MAX_ITEMS')} `],
  'subscriptions per Session id': () => [
    `Session id: ${bound('subscriptions/registry/stored-subscription.ts', 'MAX_SUBSCRIPTIONS_PER_SESSION_ID')};`,
    `per group: ${number(bound('subscriptions/registry/stored-subscription.ts', 'MAX_SUBSCRIPTIONS_PER_GROUP'))} `,
  ],
  'what one storage node says': () => [
    `${number(conduct('burst'))} at once, ${conduct('reportsPerSecond')} a second`,
    `${conduct('bytesPerReport') / KIB} KiB each`,
  ],
  'reports that no honest node sends': () => {
    expect([conduct('offencesWithinMs'), conduct('asideMs')]).toEqual([10 * MINUTE, 60 * MINUTE]);
    return [`: ${conduct('maxOffences')} of a node within ten minutes`, 'for an hour'];
  },
  'messages that one node': () => {
    expect(conduct('offencesWithinMs')).toBe(10 * MINUTE);
    return [`: ${number(conduct('maxUnconfirmed'))} within ten minutes`];
  },
  'retries of a storage node': () => {
    const { retryMs, knockMs, maxConnecting } = DEFAULT_LINES_TUNING;
    const seconds = retryMs.map((ms) => ms / SECOND);
    return [
      `after ${seconds.join(', ')} s, then every ${seconds.at(-1)} s`,
      ` every ${knockMs / SECOND} s or so between them`,
      `; ${maxConnecting} connections on their way at a time`,
    ];
  },
  'messages of the network that a process remembers': () => {
    const perGeneration = bound('swarms/reports/local-seen-messages.ts', 'MAX_PER_HOUR');
    return [
      `: ${number(2 * perGeneration)} of ${FINGERPRINT_BYTES} bytes, one to two hours`,
      `; ${(2 * bytesOfTable(perGeneration)) / MIB} MiB `,
      `n / 2^${8 * FINGERPRINT_BYTES}, at the most ${wrongMatch(2 * perGeneration)},`,
    ];
  },
  'messages of the network that instances remember': () => {
    const file = 'swarms/redis/shared-seen-messages.ts';
    const entries = 2 * 2 ** bound(file, 'BUCKET_BITS') * bound('swarms/reports/shared-seen-tuning.ts', 'maxPerBucket');
    return [
      `: ${number(entries)} of ${FINGERPRINT_BYTES} bytes, one to two hours`,
      `at the most ${wrongMatch(entries)} `,
    ];
  },
  'time of a group of writes': () => [`${bound('database/database-writer.ts', 'MAX_GROUP_MS')} ms`],
  'time that work waits': () => [`${bound('database/database-writer.ts', 'MAX_WAIT_MS') / SECOND} s`],
  'time of a request': () => [`${bound('onion/onion.service.ts', 'ANSWER_WITHIN_MS') / SECOND} s`],
  connections: () => [
    `: ${number(bound('app.factory.ts', 'max'))} per process`,
    `: ${bound('app.factory.ts', 'maxBytes') / MIB} MiB each, ${bound('app.factory.ts', 'budgetBytes') / MIB} MiB together`,
  ],
  'headers of a request': () => [`: ${maxHeaderSize / KIB} KiB `],
  'values in the JSON': () => [`: ${number(bound('encoding/json.ts', 'MAX_JSON_VALUES'))} `],
  'bytes of the rows': () => [
    `: ${bound('database/statement-sizes.ts', 'MAX_BYTES') / KIB} KiB of the ${bound('database/statement-sizes.ts', 'LEAST_PACKET_BYTES') / MIB} MiB`,
  ],
  'the disk of the SQLite file': () => {
    const text = readFileSync('src/database/disk-room.ts', 'utf8');
    const [, mib, share] = /RESERVE = \{ bytes: (\d+) \* MIB, share: ([\d.]+) \}/.exec(text) ?? [];
    const [, lowMib, lowShare] = /LOW = \{ bytes: (\d+) \* MIB, share: ([\d.]+) \}/.exec(text) ?? [];
    return [
      `: ${mib} MiB stay free, or ${Number(share) * 100} % of a small one`,
      `below ${Number(lowMib) / KIB} GiB, or ${Number(lowShare) * 100} %`,
    ];
  },
  'what stays of SQLite': () => {
    expect(bound('database/wal-moves.ts', 'EVERY_MS')).toBe(MINUTE);
    return [`: ${bound('database/database-options.ts', 'LOG_BYTES') / MIB} MiB, for a minute`];
  },
  'memberships of ids': () => [`: ${days('closed-groups/deviceless-members.scheduler.ts', 'KEEP_DEVICELESS_MS')} days`],
  'devices of unknown type': () => {
    expect(days('devices/device-pruning.scheduler.ts', 'KEEP_UNREACHABLE_MS')).toBe(1);
    return [': a day '];
  },
  'sealed answers': () => [
    `${number(bound('onion/recent-answers.ts', 'MAX_ANSWERS'))}, and ${bound('onion/recent-answers.ts', 'MAX_BYTES') / MIB} MiB`,
  ],
  'wrong passwords': () => [
    `: ${bound('operator/password-attempts.ts', 'BURST')}, then one in ${bound('operator/password-attempts.ts', 'PAUSE_MS') / SECOND} s`,
  ],
  'processes that die': () => [`: ${word(bound('delivery/queue/set-aside.ts', 'MAX_DEATHS'))} `],
  'a wall clock': () => [`more than ${bound('common/time/trusted-clock.ts', 'JUMP_MS') / SECOND} s`],
};

/** Their bounds are no figures, or are explained beside them. */
const WITHOUT_FIGURES = ['tries of a push', 'what counts for a breaker'];

const section = /## What is bounded\n([^]*?)\n## /.exec(readFileSync('docs/reliability.md', 'utf8'))?.[1] ?? '';
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) => line.replace(/^\| /, ''));

it.each(Object.entries(ROWS))('docs/reliability.md has the bound of the code in "%s"', (beginning, expected) => {
  const row = rows.find((line) => line.startsWith(beginning))?.replaceAll(/ +/g, ' ') ?? '';
  for (const text of expected()) expect(row).toContain(text);
});

it('docs/reliability.md has no bound that nobody compares', () => {
  const compared = [...Object.keys(ROWS), ...WITHOUT_FIGURES];
  expect(rows.length).toBe(compared.length);
  expect(rows.filter((row) => !compared.some((beginning) => row.startsWith(beginning)))).toEqual([]);
});

it('docs/reliability.md names classes that there are where something is bounded', () => {
  const code = globSync('src/**/*.ts')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const named = rows.flatMap((row) =>
    [...(row.split(' | ')[1] ?? '').matchAll(/`([A-Z]\w+)/g)].map(([, name = '']) => name),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !new RegExp(`class ${name}\\b`).test(code))).toEqual([]);
});

it('docs/reliability.md has for how long connections are kept', () => {
  const page = readFileSync('docs/reliability.md', 'utf8').replaceAll(/\s+/g, ' ');
  const connections = (name: string) => bound('app.factory.ts', name) / SECOND;
  expect(page).toContain(`is kept for ${connections('shortKeepAliveMs')} s instead of ${connections('keepAliveMs')}.`);
  const nearlyFull = Number(
    /NEARLY_FULL = ([\d.]+);/.exec(readFileSync('src/common/bounds/connection-limit.ts', 'utf8'))?.[1],
  );
  expect(page).toContain(`From ${number(nearlyFull * bound('app.factory.ts', 'max'))} on`);
});

it('docs/reliability.md says why a body may be as large: the largest subscribe has more than half of that, and fits', () => {
  const items = bound('subscriptions/subscriptions.commands.ts', 'MAX_ITEMS');
  const longest = bound('providers/webpush/endpoint.ts', 'MAX_ENDPOINT_LENGTH');
  const endpoint = 'https://push.example.org/'.padEnd(longest, 'x');
  const serviceInfo = {
    endpoint,
    p256dh: randomBytes(65).toString('base64url'),
    auth: randomBytes(16).toString('base64url'),
  };
  const item = subscribeRequest(newMember(newGroup()), {
    service: 'webpush',
    serviceInfo,
    namespaces: [-11, 11, 12, 13, 14],
  });
  const { body } = sealRequest({
    ...{ version: 'v4', serverPublicKey: generateKeyPair().publicKey, endpoint: '/subscribe' },
    args: Array.from({ length: items }, () => ({ ...item })),
  });
  const largest = bound('app.factory.ts', 'maxBytes');
  expect(body.length).toBeGreaterThan(largest / 2);
  expect(body.length).toBeLessThan(largest);
  expect(readFileSync('docs/reliability.md', 'utf8')).toContain(`for the ${items} subscriptions that one may bring`);
});

it('docs/delivery.md has the figures of the code', () => {
  const page = readFileSync('docs/delivery.md', 'utf8').replaceAll(/\s+/g, ' ');
  expect([tuning('devicePushesPerMinute'), tuning('deviceWakeupMs'), tuning('staleAfterMs')]).toEqual([
    60,
    5 * SECOND,
    3 * MINUTE,
  ]);
  const sentences = [
    `${number(tuning('maxPerRecipientAndMinute'))} notifications or ${number(tuning('maxPushesPerRecipientAndMinute'))} pushes a minute`,
    `A device gets ${tuning('deviceBurst')} pushes in a row with content and then one a second`,
    'woken without content every five seconds',
    `at most ${bound('devices/devices.service.ts', 'MAX_DEVICES_PER_SESSION_ID')} devices, a group at most ${number(bound('closed-groups/closed-groups.service.ts', 'MAX_MEMBERS_PER_GROUP'))} members`,
    'Of the pushes that waited for more than three minutes',
    `a device gets the newest ${word(tuning('keepStalePerDevice'))} with content`,
    `A look-up is bounded by devices (${number(tuning('lookUpDevices'))})`,
    `its own waiting line in memory (${number(tuning('maxProviderBacklog'))} requests)`,
    `When at least ${tuning('brakeFloor')} recipients`,
  ];
  for (const sentence of sentences) expect(page).toContain(sentence);
});
