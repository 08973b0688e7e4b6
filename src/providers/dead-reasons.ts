import { PUSH_PROVIDERS } from './provider-definitions.js';
import { DAMAGED_TOKEN } from './unsealing.transport.js';

const CERTAIN_REASONS: ReadonlySet<string> = new Set([
  DAMAGED_TOKEN,
  ...Object.values(PUSH_PROVIDERS).flatMap(({ certainlyDead }) => certainlyDead),
]);

/** True for a reason that a provider never gives because the operator's own settings are wrong. */
export const isCertainlyDead = (reason: string): boolean => CERTAIN_REASONS.has(reason);
