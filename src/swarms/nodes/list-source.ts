import { type NodeListSource } from '../../config/node-list-source.js';

/** Why a source did not give a list. */
export type SourceFailure =
  /** No connection, or it was cut. */
  | 'unreachable'
  /** No answer in time. */
  | 'unanswered'
  /** It answered with an error. */
  | 'refused'
  /** What it said is no list. */
  | 'unreadable';

export type SourceAnswer =
  { readonly kind: 'answer'; readonly json: string } | { readonly kind: 'failed'; readonly failure: SourceFailure };

/** Something that can be asked for the list of nodes. */
export interface ListSource {
  /** For the log: kind and host, no key. */
  readonly name: string;
  /** Asks once, with the parameters of `get_service_nodes`. Never rejects. */
  ask(question: object): Promise<SourceAnswer>;
  /** Asks to be told of blocks, and again before that ends; false = it cannot, and has to be polled. */
  readonly tellsOfBlocks: boolean;
  close(): void;
}

export function nameOfSource(source: NodeListSource): string {
  if (source.kind === 'json-rpc') return new URL(source.url).origin;
  const { address, key } = source;
  if (address.kind === 'ipc') return `ipc://${address.path}`;
  return `${key === null ? 'tcp' : 'curve'}://${address.host}:${address.port}`;
}
