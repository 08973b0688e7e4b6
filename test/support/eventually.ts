import { vi } from 'vitest';

/** Waits until a check holds, for as long as a busy machine may take. */
export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 20_000, interval: 20 });
}
