import { type Random } from './random.js';

const LONE_SURROGATE = '\ud800';

/** JSON texts that a program may stumble over. */
export function hostileJson(random: Random): string {
  const deep = random.pick([10, 1000, 20_000]);
  return random.pick([
    () => '{}',
    () => '[]',
    () => 'null',
    () => '""',
    () => '',
    () => ' \n\t{} ',
    () => '{"a":',
    () => '{"a":1}}',
    () => '\ufeff{}',
    () => '['.repeat(deep),
    () => `${'['.repeat(deep)}${']'.repeat(deep)}`,
    () => `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`,
    () => '{"__proto__":{"token":"x","pubKey":"y","send_to":"z"}}',
    () => '{"constructor":{"prototype":{"token":"x"}}}',
    () => '{"token":"a","token":"b","pubKey":"c","pubKey":{}}',
    () => '{"\\u0000":"\\u0000"}',
    () => `{${Array.from({ length: 2000 }, (_, index) => `"k${index}":${index}`).join(',')}}`,
    () => '{"n":1e999,"m":-0,"l":123456789012345678901234567890}',
    () => `"${'x'.repeat(random.integer(100_000))}"`,
    () => 'NaN',
    () => "{'a':1}",
    () => '{"a":"\\ud800"}',
  ])();
}

/** A value where a text is expected. */
export function hostileValue(random: Random): unknown {
  return random.pick<unknown>([
    null,
    true,
    false,
    0,
    -1,
    1e308,
    '',
    ' ',
    'x'.repeat(255),
    'x'.repeat(256),
    'x'.repeat(1025),
    'x'.repeat(200_000),
    'ä',
    '\u0000',
    `05${'ab'.repeat(32)}\u0000`,
    LONE_SURROGATE,
    '__proto__',
    "'; DROP TABLE devices; --",
    '../../etc/passwd',
    '%00%0d%0a',
    '${7*7}{{7*7}}',
    [],
    [[]],
    ['x'],
    {},
    { toString: 'x', valueOf: 7 },
    { length: 64 },
    Array.from({ length: 1200 }, (_, index) => `group${index}`),
  ]);
}

/** What may stand where the client's key is expected. */
export function hostileKey(random: Random, good: string): unknown {
  return random.pick<unknown>([
    good.toUpperCase(),
    good.slice(0, -1),
    `${good}00`,
    `05${good}`,
    ` ${good} `,
    '0'.repeat(64),
    `01${'0'.repeat(62)}`,
    'f'.repeat(64),
    Buffer.from(good, 'hex').toString('base64'),
    Buffer.from(good, 'hex').toString('base64url'),
    Buffer.from(good, 'hex').toString('latin1'),
    'y'.repeat(52),
    '',
    null,
    7,
    [good],
    { hex: good },
    'g'.repeat(64),
    'x'.repeat(500_000),
  ]);
}
