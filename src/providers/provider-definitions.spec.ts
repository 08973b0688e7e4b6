import { describe, expect, it } from 'vitest';
import { PROVIDERS } from './push-transport.js';

/** Of the column `lane` of the queue. */
const MAX_NAME_LENGTH = 8;

describe('the providers', () => {
  it.each(PROVIDERS)('%s has a name that fits the queue', (name) => {
    expect(name.length).toBeLessThanOrEqual(MAX_NAME_LENGTH);
  });
});
