import { describe, expect, it } from 'vitest';
import { contentRefusalMessage } from './refusals.js';

describe('contentRefusalMessage', () => {
  it.each([
    ['undecryptable', ''],
    ['payload', 'Invalid request'],
    ['endpoint', 'Invalid request: the endpoint is missing'],
    ['body', 'Invalid request: the body must be a JSON object'],
  ] as const)('says about %s: %j', (reason, message) => {
    expect(contentRefusalMessage(reason)).toBe(message);
  });
});
