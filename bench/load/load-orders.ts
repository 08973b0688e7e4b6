import { type EncType } from '../../src/onion/protocol/ciphers.js';
import { type OnionVersion } from '../../src/onion/protocol/onion-client.js';
import { type Population } from '../database/population.js';

/**
 * `notify`: one id of the population; `notify-group`: one group of it; `register`: an id and token never seen before;
 * `refresh`: a device of the population once more, as apps do at every start; `subscribe`: a phone of an account never seen
 * before, with keys and a signature of its own.
 */
export type BenchCommand = 'notify' | 'notify-group' | 'register' | 'refresh' | 'subscribe';

export interface RequestShape {
  readonly command: BenchCommand;
  readonly version: OnionVersion;
  readonly encType: EncType;
}

/** What the generator is told. Arrays of the answers go by the order in which the requests were prepared. */
export type LoadOrder =
  | {
      readonly kind: 'prepare';
      readonly serverPublicKey: Uint8Array;
      readonly count: number;
      /** Request i has shape i modulo their number. */
      readonly shapes: readonly RequestShape[];
      readonly population: Population;
      /** Number of the first notification; each is different from all before, or the server takes it for a repetition. */
      readonly firstSequence: number;
    }
  | {
      readonly kind: 'run';
      readonly port: number;
      readonly connections: number;
      /** null = as fast as the connections allow, one request at a time on each. */
      readonly ratePerSecond: number | null;
    }
  | { readonly kind: 'check' };

export interface Prepared {
  /** Pushes that the notifications among the requests make. */
  readonly pushes: number;
}

/** Times are those of `monotonicMs`. */
export interface LoadRun {
  readonly startedAt: number;
  readonly endedAt: number;
  /** When each request was due: was sent, or with a rate, should have been sent. */
  readonly dueAt: Float64Array;
  readonly answeredAt: Float64Array;
}

export interface Checked {
  /** Answers that are not HTTP 200 with a sealed `code` 1 or `success`. */
  readonly bad: number;
}
