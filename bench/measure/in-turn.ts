export interface Pair<A, B> {
  readonly a: A;
  readonly b: B;
}

/**
 * Measures two things in turn, each first as often as the other, so that a machine that slows down slows both.
 * `before` comes before each round.
 */
export async function inTurn<A, B>(
  rounds: number,
  before: () => Promise<unknown>,
  measureA: () => Promise<A>,
  measureB: () => Promise<B>,
): Promise<Pair<A, B>[]> {
  const pairs: Pair<A, B>[] = [];
  for (let round = 0; round < rounds; round++) {
    await before();
    if (round % 2 === 0) pairs.push({ a: await measureA(), b: await measureB() });
    else pairs.push({ b: await measureB(), a: await measureA() });
  }
  return pairs;
}
