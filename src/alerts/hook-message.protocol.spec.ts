import { describe, expect, it } from 'vitest';
import { type HookMessage, hookRequest } from './hook-message.protocol.js';

const message = (severity: HookMessage['severity']): HookMessage => ({
  text: 'Something happened.',
  kind: 'test',
  severity,
  at: '2026-01-01T00:00:00.000Z',
  details: {},
});

describe('a card for Teams', () => {
  it.each([
    ['warning', true],
    ['info', false],
  ] as const)('of severity %s calls for attention: %s', (severity, isCalled) => {
    expect(hookRequest('teams', message(severity)).body.includes('attention')).toBe(isCalled);
  });
});
