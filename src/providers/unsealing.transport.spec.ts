import { legacyContent } from './push-content.js';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { DELIVERED, ScriptedTransport } from '../../test/support/scripted-transport.js';
import { KeyedSealing, NoSealing } from '../sealing/sealing.js';
import { type DeliveryResult, type Push } from './push-transport.js';
import { UnsealingTransport } from './unsealing.transport.js';

const sealing = new KeyedSealing(randomBytes(32));
const inner = new ScriptedTransport('huawei', 10, 7);
const transport = new UnsealingTransport(inner, sealing);
const damaged = ' damaged';
const GONE: DeliveryResult = { outcome: 'token-gone', reason: 'Gone' };
const DAMAGED: DeliveryResult = { outcome: 'token-gone', reason: 'DamagedToken' };
const NO_KEY: DeliveryResult = { outcome: 'retry', cause: 'configuration', reason: 'SealedToken' };

const pushTo = (...tokens: string[]): Push => ({
  notificationId: 'id',
  content: legacyContent('x'),
  urgency: 'high',
  expiresAt: 1,
  targets: tokens.map((token, index) => ({ token, registeredAt: index, apnsEnvironment: null })),
});
const send = (...tokens: string[]) => transport.send(pushTo(...tokens));

describe('UnsealingTransport', () => {
  afterEach(() => {
    inner.expectNothingElse();
    inner.sent.length = 0;
  });

  it('is like the one within', () => {
    expect(transport).toMatchObject({ provider: 'huawei', maxTargets: 10, maxInFlight: 7 });
  });

  it('hands opened tokens on, and the rest as it is', async () => {
    inner.next([DELIVERED, GONE]);
    expect(await send(sealing.token('one'), sealing.token('two'))).toEqual([DELIVERED, GONE]);
    expect(inner.sent).toEqual([
      {
        notificationId: 'id',
        content: legacyContent('x'),
        urgency: 'high',
        expiresAt: 1,
        targets: [
          { token: 'one', registeredAt: 0, apnsEnvironment: null },
          { token: 'two', registeredAt: 1, apnsEnvironment: null },
        ],
      },
    ]);
  });

  it('leaves a token that a later data key sealed to an instance that has it', async () => {
    const dataKey = randomBytes(32);
    const later = new KeyedSealing(dataKey, randomBytes(32));
    const former = new UnsealingTransport(inner, new KeyedSealing(dataKey));
    expect(await former.send(pushTo(later.token('one'), damaged))).toEqual([NO_KEY, DAMAGED]);
  });

  it('opens what a service needs beside the token, which is as good as gone when it is damaged', async () => {
    const push = pushTo(sealing.token('one'), sealing.token('two'));
    const infos = [sealing.token('keys'), damaged];
    push.targets = push.targets.map((target, index) => ({ ...target, serviceInfo: infos[index] ?? '' }));
    inner.next([DELIVERED]);
    expect(await transport.send(push)).toEqual([DELIVERED, DAMAGED]);
    expect(inner.sent[0]?.targets).toEqual([
      { token: 'one', serviceInfo: 'keys', registeredAt: 0, apnsEnvironment: null },
    ]);
  });

  it('calls a damaged token gone by itself; the others get their own results', async () => {
    inner.next([DELIVERED, GONE]);
    expect(await send(damaged, sealing.token('one'), damaged, sealing.token('two'), damaged)).toEqual([
      DAMAGED,
      DELIVERED,
      DAMAGED,
      GONE,
      DAMAGED,
    ]);
  });

  it('asks nobody when all are damaged', async () => {
    expect(await send(damaged, damaged)).toEqual([DAMAGED, DAMAGED]);
    expect(inner.sent).toEqual([]);
  });

  it('keeps sealed tokens from the provider when there is no key, and lets their pushes wait', async () => {
    const keyless = new UnsealingTransport(inner, new NoSealing());
    inner.next([DELIVERED]);
    expect(await keyless.send(pushTo(sealing.token('one'), 'two'))).toEqual([NO_KEY, DELIVERED]);
    expect(inner.sent.flatMap(({ targets }) => targets.map(({ token }) => token))).toEqual(['two']);
  });

  it('passes a push without sealed tokens on as it is', async () => {
    inner.next([DELIVERED]);
    const push = pushTo('one');
    expect(await transport.send(push)).toEqual([DELIVERED]);
    expect(inner.sent[0]).toBe(push);
  });

  it('closes the one within', async () => {
    await transport.close();
    expect(inner.closed).toBe(true);
  });
});
