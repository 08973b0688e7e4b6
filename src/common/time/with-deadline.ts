/** It was not done in time. What was begun goes on. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** Settles as `work` does, or rejects with a {@link DeadlineError} after `ms`. */
export async function withDeadline<T>(work: T | Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => reject(new DeadlineError('timed out')), ms);
      Promise.resolve(work).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}
