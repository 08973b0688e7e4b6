import { type DatabaseKind } from '../options.js';

export type Value = string | number | Buffer | null;

export interface Rows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly count: number;
  readonly values: Iterable<readonly Value[]>;
}

/** An empty database of the server's schema, reached past the server. */
export interface BenchDatabase {
  readonly kind: DatabaseKind;
  /** Leads a server to it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Name and version of the engine. */
  readonly engine: string;
  /** The process that keeps the queue and nothing else; null = the queue is where the ids are. */
  readonly queuePid: number | null;
  insert(rows: Rows, onProgress: (inserted: number) => void): Promise<void>;
  queueIsEmpty(): Promise<boolean>;
  drop(): Promise<void>;
}

/** Cuts what is to be inserted into pieces, the last one shorter. */
export function* inPieces<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let piece: T[] = [];
  for (const item of items) {
    piece.push(item);
    if (piece.length < size) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}
