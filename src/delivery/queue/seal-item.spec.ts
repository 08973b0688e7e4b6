import { legacyContent } from '../../providers/push-content.js';
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { KeyedSealing } from '../../sealing/sealing.js';
import { type QueueItem } from './notification-queue.js';
import { sealItem } from './seal-item.js';
import { storedId, storedToken } from '../../../test/support/stored.js';

const dataKey = randomBytes(32);
const sealing = new KeyedSealing(dataKey);
const targets = [{ token: storedToken('token'), registeredAt: 1, apnsEnvironment: null }];
const item: QueueItem = {
  id: 'a',
  notificationId: 'a',
  lane: 'fcm',
  recipient: storedId('05a'),
  content: legacyContent('x'),
  urgency: 'high',
  to: { provider: 'fcm', targets },
  acceptedAt: 1,
  expiresAt: 2,
  availableAt: 1,
  attempts: 3,
};

it('an item of before is sealed, its devices included', () => {
  const to = { provider: 'fcm', targets: [{ ...targets[0], token: sealing.token('token') }] };
  const sealed = { ...item, recipient: sealing.id('05a'), to };
  expect(sealItem(sealing, item)).toEqual(sealed);
  expect(sealItem(sealing, { ...item, to: null })).toEqual({ ...sealed, to: null });
});

it('an item that an earlier data key sealed is carried over, and its pages begin again', () => {
  const later = new KeyedSealing(dataKey, randomBytes(32));
  const former = { ...sealItem(sealing, item), cursor: sealing.id('05b') };
  expect(sealItem(later, former)).toEqual({ ...sealItem(later, item), cursor: '' });
});

it('a sealed item stays the same object', () => {
  const sealed = sealItem(sealing, item);
  expect(sealItem(sealing, sealed)).toBe(sealed);
});
