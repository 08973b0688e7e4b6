import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { KeyedSealing } from '../../sealing/sealing.js';
import { type QueueItem } from './notification-queue.js';
import { sealItem } from './seal-item.js';

const sealing = new KeyedSealing(randomBytes(32));
const targets = [{ token: 'token', registeredAt: 1, apnsEnvironment: null }];
const item: QueueItem = {
  id: 'a',
  notificationId: 'a',
  lane: 'fcm',
  recipient: '05a',
  data: 'x',
  targets,
  acceptedAt: 1,
  expiresAt: 2,
  availableAt: 1,
  attempts: 3,
};

it('an item of before is sealed, its devices included', () => {
  const sealed = { ...item, recipient: sealing.id('05a'), targets: [{ ...targets[0], token: sealing.token('token') }] };
  expect(sealItem(sealing, item)).toEqual(sealed);
  expect(sealItem(sealing, { ...item, targets: null })).toEqual({ ...sealed, targets: null });
});

it('a sealed item stays the same object', () => {
  const sealed = sealItem(sealing, item);
  expect(sealItem(sealing, sealed)).toBe(sealed);
});
