import { getDefaultAutoSelectFamilyAttemptTimeout, setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { waitForSlowHandshakes } from './slow-handshakes.js';

const before = getDefaultAutoSelectFamilyAttemptTimeout();
afterEach(() => setDefaultAutoSelectFamilyAttemptTimeout(before));

it('gives each address of a host the time of a far link, and two of them that of a connection', () => {
  waitForSlowHandshakes();
  const given = getDefaultAutoSelectFamilyAttemptTimeout();
  // A handshake and a lost packet of it, over a satellite.
  expect(given).toBeGreaterThanOrEqual(2000);
  expect(2 * given).toBeLessThanOrEqual(4000);
});
