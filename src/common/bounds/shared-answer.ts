/**
 * Makes a question that is asked at most once in `keepMs`: whoever asks meanwhile shares the answer, a failure included.
 * For what costs something and strangers may ask.
 */
export function sharedAnswer<T>(ask: () => Promise<T>, keepMs: number): () => Promise<T> {
  let answer: { value: Promise<T>; until: number } | null = null;
  return () => {
    const now = performance.now();
    if (!answer || now >= answer.until) {
      const asked = { value: ask(), until: Infinity };
      const keep = (): void => void (asked.until = performance.now() + keepMs);
      asked.value.then(keep, keep);
      answer = asked;
    }
    return answer.value;
  };
}
