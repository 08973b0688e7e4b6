/** Words that are common in variables of other programs: sharing one of them does not count. */
const COMMON_WORDS: ReadonlySet<string> = new Set([
  'DATA',
  'DATABASE',
  'DEVICE',
  'HOST',
  'LOG',
  'NODE',
  'PORT',
  'REDIS',
]);

/** Shorter names resemble other, unrelated ones: HOME is not HOST. */
const SHORTEST_TYPO = 8;
const MOST_EDITS = 2;

/** Whether somebody who set this variable, which is not one of `known`, probably meant one of them. */
export function looksLikeOurs(name: string, known: readonly string[]): boolean {
  if (known.includes(name)) return false;
  const firstWords = new Set(known.filter((one) => one.includes('_')).map(firstWord));
  if (name.includes('_') && firstWords.has(firstWord(name)) && !COMMON_WORDS.has(firstWord(name))) return true;
  return name.length >= SHORTEST_TYPO && known.some((one) => edits(name.toUpperCase(), one) <= MOST_EDITS);
}

const firstWord = (name: string): string => name.split('_', 1)[0]?.toUpperCase() ?? '';

/** How many letters have to be put in, taken out or replaced to make one text of the other. */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of one.split('').entries()) {
    const next = [index + 1];
    for (const [column, wanted] of other.split('').entries()) {
      const replaced = (row[column] ?? 0) + (letter === wanted ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
