import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/oxenmq-vectors.json' with { type: 'json' };
import { encodeBt, type BtInput } from '../../encoding/bt.js';
import { decodeMonitorEnded, decodeNotifyMessage } from './notify-message.protocol.js';

const ACCOUNT = Buffer.from('05bc79193435bcca8cf781575df873171191200cb7d745b5e5f7a27b1a98f3b965', 'hex');
const RIGHT: Record<string, BtInput> = { '@': ACCOUNT, h: 'h'.repeat(43), n: -10, t: 1, z: 2, '~': Buffer.from('x') };
const dict = (changed: Record<string, BtInput | undefined> = {}) => {
  const entries = Object.entries({ ...RIGHT, ...changed }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return [encodeBt(new Map(entries))];
};

describe('decodeNotifyMessage', () => {
  it.each(vectors.notify_message)('reads what a node sent: $what', ({ what, frames }) => {
    const report = decodeNotifyMessage([Buffer.from(frames[1] ?? '', 'hex')]);
    expect(report).toMatchObject({ account: ACCOUNT, storedAt: 1_735_689_600_123, expiresAt: 1_736_899_200_123 });
    expect(report?.hash).toMatch(/^h{42}[134]$/);
    expect(report?.data).toEqual(what.includes('without data') ? null : Buffer.from('hello'));
  });

  it('takes negative namespaces, the longest of everything, and keys that it does not know', () => {
    expect(decodeNotifyMessage(dict())).toMatchObject({ namespace: -10 });
    expect(decodeNotifyMessage(dict({ h: 'h'.repeat(32), n: -32_768 }))).not.toBeNull();
    expect(decodeNotifyMessage(dict({ h: 'h'.repeat(99), n: 32_767 }))).not.toBeNull();
    expect(decodeNotifyMessage(dict({ '~': Buffer.alloc(76_800), new: [1, 'x'] }))?.data).toHaveLength(76_800);
  });

  it.each<[string, Record<string, BtInput | undefined>]>([
    ['no account', { '@': undefined }],
    ['an account of 32 bytes', { '@': ACCOUNT.subarray(1) }],
    ['an account that is a number', { '@': 5 }],
    ['no hash', { h: undefined }],
    ['a hash of 31 characters', { h: 'h'.repeat(31) }],
    ['a hash of 100 characters', { h: 'h'.repeat(100) }],
    ['a hash with a blank', { h: `${'h'.repeat(42)} ` }],
    ['no namespace', { n: undefined }],
    ['a namespace beyond int16', { n: 32_768 }],
    ['a namespace below int16', { n: -32_769 }],
    ['a namespace of 64 bits', { n: 2n ** 63n }],
    ['no time', { t: undefined }],
    ['a negative time', { t: -1 }],
    ['no expiry', { z: undefined }],
    ['an expiry that is text', { z: '2' }],
    ['a message that is a number', { '~': 1 }],
    ['a message that is too long', { '~': Buffer.alloc(76_801) }],
  ])('refuses %s', (_name, changed) => {
    expect(decodeNotifyMessage(dict(changed))).toBeNull();
  });

  it.each([
    ['no part', []],
    ['two parts', [...dict(), ...dict()]],
    ['a list', [Buffer.from('le')]],
    ['nothing', [Buffer.alloc(0)]],
    ['more than 128 KiB', dict({ pad: Buffer.alloc(131_072) })],
    ['very many values', dict({ pad: new Array<BtInput>(2000).fill(1) })],
  ])('refuses %s', (_name, parts) => {
    expect(decodeNotifyMessage(parts)).toBeNull();
  });
});

describe('decodeMonitorEnded', () => {
  it('reads the account and follows no hint', () => {
    const ended = new Map<string, BtInput>([['@', ACCOUNT], ['errcode', 6], ['error', 'x'], ['snodes', []], ['swarm', 'ff']]); // prettier-ignore
    expect(decodeMonitorEnded([encodeBt(ended)])).toEqual(ACCOUNT);
  });

  it.each([
    ['no part', []],
    ['no account', [Buffer.from('de')]],
    ['no dict', [Buffer.from('le')]],
    ['an account of 1 byte', [Buffer.from('d1:@1:xe')]],
  ])('refuses %s', (_name, parts) => {
    expect(decodeMonitorEnded(parts)).toBeNull();
  });
});
