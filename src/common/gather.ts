/** What all lists hold, in order. Most often there is one, and then nothing is waited for twice. */
export function gather<T>(lists: Promise<T[]>[]): Promise<T[]> {
  const [first] = lists;
  if (lists.length === 1 && first) return first;
  return Promise.all(lists).then((all) => all.flat());
}
