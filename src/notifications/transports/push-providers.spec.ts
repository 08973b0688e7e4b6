import { describe, expect, it } from 'vitest';
import { DEVICE_TYPES } from '../../devices/device.entity.js';
import { PUSH_PROVIDERS } from './push-providers.js';
import { PROVIDERS } from './push-transport.js';

/** Of the column `lane` of the queue. */
const MAX_NAME_LENGTH = 8;

describe('the providers', () => {
  it.each(PROVIDERS)('%s has a name that fits the queue', (name) => {
    expect(name.length).toBeLessThanOrEqual(MAX_NAME_LENGTH);
  });

  it('reach each known kind of device once', () => {
    const reached = PROVIDERS.map((name) => PUSH_PROVIDERS[name].deviceType);
    expect(reached.toSorted()).toEqual(DEVICE_TYPES.filter((type) => type !== 'unknown').toSorted());
  });
});
