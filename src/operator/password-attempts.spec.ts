import { describe, expect, it } from 'vitest';
import { PasswordAttempts } from './password-attempts.js';

const HOUR_MS = 3_600_000;

describe('attempts at a password', () => {
  it('are allowed until too many were wrong, and one more after a pause', () => {
    let now = 1000;
    const attempts = new PasswordAttempts(() => now);
    let wrong = 0;
    for (; attempts.areAllowed; wrong++) attempts.countWrong();
    expect(wrong).toBe(30);
    now += attempts.pauseSeconds * 1000;
    expect(attempts.areAllowed).toBe(true);
    attempts.countWrong();
    expect(attempts.areAllowed).toBe(false);
  });

  it('are a few hundred an hour, however fast they come', () => {
    let now = 0;
    const attempts = new PasswordAttempts(() => now);
    let wrong = 0;
    for (; now < HOUR_MS; now += 10) {
      if (!attempts.areAllowed) continue;
      attempts.countWrong();
      wrong++;
    }
    expect(wrong).toBeLessThan(30 + HOUR_MS / 5000 + 1);
    expect(wrong).toBeGreaterThan(700);
  });

  it('are as many as before after a quiet time, and not more', () => {
    let now = 0;
    const attempts = new PasswordAttempts(() => now);
    while (attempts.areAllowed) attempts.countWrong();
    now += HOUR_MS;
    let wrong = 0;
    for (; attempts.areAllowed; wrong++) attempts.countWrong();
    expect(wrong).toBe(30);
  });
});
