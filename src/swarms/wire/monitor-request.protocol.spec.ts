import sodium from 'libsodium-wrappers';
import { beforeAll, describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/oxenmq-vectors.json' with { type: 'json' };
import {
  decodeMonitorAnswer,
  encodeMonitorAccount,
  encodeMonitorRequest,
  type MonitorResult,
  type SignedAccount,
} from './monitor-request.protocol.js';

beforeAll(() => sodium.ready);

const hex = (text: string) => Buffer.from(text, 'hex');
const bt = (text: string) => [Buffer.from(text, 'latin1')];
const { accepted, answers, clock_edges: edges } = vectors.monitor_messages;

/** What a phone with this seed would sign. */
function signedAs(vector: (typeof accepted)[number]): SignedAccount {
  const owner = sodium.crypto_sign_seed_keypair(hex(vector.seed_hex));
  const signer = vector.sub_seed_hex === undefined ? owner : sodium.crypto_sign_seed_keypair(hex(vector.sub_seed_hex));
  return {
    account: hex(vector.account),
    ed25519: vector.prefix === 5 ? Buffer.from(owner.publicKey) : null,
    subaccount:
      vector.sub_tag_hex === undefined || vector.sub_tag_sig_hex === undefined
        ? null
        : { tag: hex(vector.sub_tag_hex), signature: hex(vector.sub_tag_sig_hex) },
    namespaces: vector.namespaces,
    wantsData: vector.data,
    signedAt: vector.ts,
    signature: Buffer.from(sodium.crypto_sign_detached(vector.sign_text, signer.privateKey)),
  };
}

describe('a request', () => {
  it.each(accepted)('is the one that the real node took: $what', (vector) => {
    const part = encodeMonitorRequest([encodeMonitorAccount(signedAs(vector))]);
    expect(part.toString('hex')).toBe(vector.part_hex);
    expect(decodeMonitorAnswer([hex(vector.reply_hex)], 1)).toEqual(['watched']);
  });

  it('holds any number of accounts', () => {
    expect(encodeMonitorRequest([Buffer.from('de'), Buffer.from('de')]).toString()).toBe('ldedee');
  });
});

const BY_CODE: Record<string, MonitorResult> = { 1: 'malformed', 2: 'malformed', 3: 'malformed', 4: 'stale', 5: 'bad-signature' }; // prettier-ignore

describe('an answer', () => {
  const many = answers.filter(({ reply_text: text }) => text.startsWith('l'));
  it.each(many)('of the real node is understood: $what', ({ reply_hex: reply, reply_text: text }) => {
    const dicts = text.match(/d7:(success|errcode)i(\d)e/g) ?? [];
    const expected = dicts.map((dict) => (dict.startsWith('d7:success') ? 'watched' : BY_CODE[dict.at(-2) ?? '']));
    expect(decodeMonitorAnswer([hex(reply)], expected.length)).toEqual(expected);
    expect(decodeMonitorAnswer([hex(reply)], expected.length + 1)).toBeNull();
  });

  const whole = answers.filter(({ reply_text: text }) => text.startsWith('d7:errcode'));
  it.each(whole)('to a request that the node cannot read is one for all accounts: $what', ({ reply_hex: reply }) => {
    expect(decodeMonitorAnswer([hex(reply)], 3)).toEqual(['malformed', 'malformed', 'malformed']);
  });

  it.each(edges)('about the time is understood: $what', ({ reply_text: text }) => {
    expect(decodeMonitorAnswer(bt(text), 1)).toEqual([text.includes('success') ? 'watched' : 'stale']);
  });

  it('with a dict that says errcode twice leaves the other answers whole', () => {
    const twice = 'd7:errcodei2e5:error3:one7:errcodei5e5:error3:twoe';
    expect(decodeMonitorAnswer(bt(`ld7:successi1ee${twice}d7:errcodei4eee`), 3)).toEqual([
      'watched',
      'malformed',
      'stale',
    ]);
  });

  it('tells accounts of another swarm and nodes that know no swarms', () => {
    const elsewhere = 'd7:errcodei6e5:error2:no6:snodesld2:ip9:127.0.0.1ee5:swarm16:00000000000000ffe';
    expect(decodeMonitorAnswer(bt(`l${elsewhere}d7:errcodei7eee`), 2)).toEqual(['elsewhere', 'not-ready']);
    expect(decodeMonitorAnswer(bt('ld7:errcodei99eee'), 1)).toEqual(['malformed']);
  });

  it.each([
    ['no part', []],
    ['two parts', [...bt('le'), ...bt('le')]],
    ['text', bt('hello')],
    ['a string', bt('5:hello')],
    ['a list of other things', bt('li1ee')],
    ['a dict of other things', bt('ldee')],
    ['a success that is none', bt('ld7:successi0eee')],
    ['a code that is text', bt('ld7:errcode1:5ee')],
    ['success for all at once', bt('d7:successi1ee')],
    ['a dict without an answer', bt('de')],
  ])('that is %s is none', (_name, parts) => {
    expect(decodeMonitorAnswer(parts, 1)).toBeNull();
  });
});
