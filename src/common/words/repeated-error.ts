import { describeError } from './describe-error.js';

const EVERY_MS = 1000;

/**
 * Tells errors that may come by the thousand while a database is away: the first of a kind at once, then at most one line
 * a second, with how many were left out since the line before.
 */
export class RepeatedError {
  private readonly kinds = new Map<string, { toldAt: number; leftOut: number }>();

  constructor(private readonly tell: (line: Record<string, unknown>) => void) {}

  /** Lines with the same fields and the same type and code of error are of one kind; a field must not be unique. */
  log(fields: { msg: string } & Record<string, string>, error: unknown): void {
    const described = describeError(error);
    const key = JSON.stringify([fields, described.type, described.code]);
    const kind = this.kinds.get(key) ?? { toldAt: -Infinity, leftOut: 0 };
    this.kinds.set(key, kind);
    if (performance.now() - kind.toldAt < EVERY_MS) {
      kind.leftOut++;
      return;
    }
    this.tell({ ...fields, ...(kind.leftOut > 0 ? { leftOut: kind.leftOut } : {}), error: described });
    kind.toldAt = performance.now();
    kind.leftOut = 0;
  }
}
