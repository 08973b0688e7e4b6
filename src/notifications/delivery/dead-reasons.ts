/**
 * Answers that say that the app on this very device is gone. The others (a malformed token, one of another environment)
 * are also what a provider says to everybody when the operator's own settings are wrong, so by themselves they prove
 * nothing.
 */
const CERTAIN_REASONS: ReadonlySet<string> = new Set(['Unregistered', 'ExpiredToken', 'UNREGISTERED']);

export const isCertainlyDead = (reason: string): boolean => CERTAIN_REASONS.has(reason);
