import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/oxenmq-vectors.json' with { type: 'json' };
import {
  decodeOxenmq,
  encodeOxenmqCommand,
  encodeOxenmqRequest,
  HI,
  type OxenmqMessage,
  routingIdFor,
  TAG_BYTES,
} from './oxenmq.protocol.js';

const hex = (text: string) => Buffer.from(text, 'hex');
const latin1 = (...texts: string[]) => texts.map((text) => Buffer.from(text, 'latin1'));

/** What each recorded answer is, by its first part; an exchange's send is what was sent. */
function expectedKind(receive: string[]): OxenmqMessage['kind'] {
  const [first = ''] = receive.map((part) => hex(part).toString('latin1'));
  if (first === 'HELLO') return 'hello';
  if (first === 'BYE') return 'ignored';
  if (first === 'REPLY') return 'reply';
  return /^[A-Z_]+$/.test(first) ? 'refused' : 'command';
}

const recorded = vectors.exchanges.filter(({ receive }) => receive.length > 0);

describe('decodeOxenmq', () => {
  it.each(recorded)('knows what a node answered: $what', ({ send, receive }) => {
    for (const parts of receive) {
      // The name that is too long comes back in a refusal, and a refusal is short itself.
      const message = decodeOxenmq(parts.map(hex));
      expect(message?.kind).toBe(expectedKind(parts));
      if (message?.kind === 'reply') expect(message.tag).toBe(hex(send[1] ?? '').toString('latin1'));
      if (message?.kind === 'reply') expect(message.parts).toEqual(parts.slice(2).map(hex));
    }
  });

  it('knows which request or command was refused', () => {
    expect(decodeOxenmq(latin1('FORBIDDEN', 'REPLY', 'tag'))).toEqual({ kind: 'refused', code: 'FORBIDDEN', tag: 'tag', name: null }); // prettier-ignore
    expect(decodeOxenmq(latin1('FORBIDDEN', 'service.poke'))).toEqual({ kind: 'refused', code: 'FORBIDDEN', tag: null, name: 'service.poke' }); // prettier-ignore
    expect(decodeOxenmq(latin1('UNKNOWNCOMMAND', 'a.b'))).toEqual({ kind: 'refused', code: 'UNKNOWNCOMMAND', tag: null, name: 'a.b' }); // prettier-ignore
    expect(decodeOxenmq(latin1('NO_REPLY_TAG'))).toEqual({ kind: 'refused', code: 'NO_REPLY_TAG', tag: null, name: null }); // prettier-ignore
  });

  it('passes over what answers to nothing of ours', () => {
    for (const parts of [latin1('BYE'), latin1('HI'), latin1('REPLY')])
      expect(decodeOxenmq(parts)).toEqual({ kind: 'ignored' });
  });

  it('refuses a message without a name and one whose name is too long', () => {
    for (const parts of [[], latin1(''), latin1('', 'notify.message'), latin1('x'.repeat(252))])
      expect(decodeOxenmq(parts)).toBeNull();
    expect(decodeOxenmq(latin1('x'.repeat(251)))?.kind).toBe('command');
  });
});

describe('what is sent', () => {
  it('is what the real library sends', () => {
    const [hi, request] = vectors.real_client;
    const [, tag = '', part = ''] = request?.frames_at_router.slice(1) ?? [];
    expect(HI).toEqual(hi?.frames_at_router.slice(1).map(hex));
    expect(encodeOxenmqRequest('monitor.messages', hex(tag), [hex(part)])).toEqual(
      request?.frames_at_router.slice(1).map(hex),
    );
    expect(hex(tag)).toHaveLength(TAG_BYTES);
  });

  it('a command has no tag', () => {
    expect(encodeOxenmqCommand('lab.poke', latin1('x'))).toEqual(latin1('lab.poke', 'x'));
  });
});

describe('routingIdFor', () => {
  // HMAC-SHA256 by Python's hmac module.
  it('is L and the first 24 bytes of an HMAC as base64url', () => {
    const id = routingIdFor(Buffer.alloc(32, 1), Buffer.alloc(32, 2));
    expect(id.toString()).toBe('LXNGm1KZXVO9EffvxQq_zix3e1xGGKJks');
    expect(id).toHaveLength(33);
  });

  it('differs by node and by key', () => {
    const ids = [
      routingIdFor(hex('01'), hex('02')),
      routingIdFor(hex('01'), hex('03')),
      routingIdFor(hex('02'), hex('02')),
    ];
    expect(new Set(ids.map(String)).size).toBe(3);
  });
});
