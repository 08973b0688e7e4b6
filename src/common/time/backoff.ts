/**
 * Milliseconds until the next try: doubles with each attempt up to `maxMs`, and a random part of half of it spreads
 * the devices that failed together.
 *
 * @param attempts failed attempts so far, from 1
 * @param random a number from 0 to 1
 */
export function backoffMs(attempts: number, baseMs: number, maxMs: number, random: number): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(attempts - 1, 30));
  return Math.round(full / 2 + (full / 2) * random);
}
