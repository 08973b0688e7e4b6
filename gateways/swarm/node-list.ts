import { type Block, type Chain, type ListedNode } from './chain.js';
import { NO_SWARM } from './swarm-space.js';

/** What a source says instead of the list. */
export type Lie =
  | { readonly kind: 'empty' }
  /** Every tenth node, say, with 0.1. */
  | { readonly kind: 'share'; readonly share: number }
  /** Each node twice, the second time at another port. */
  | { readonly kind: 'duplicates' }
  /** Nodes that are none, beside the real ones or instead of them. */
  | { readonly kind: 'nonsense'; readonly instead?: boolean }
  /** The list of some blocks ago, with its height and hash. */
  | { readonly kind: 'older'; readonly blocks: number }
  | { readonly kind: 'nodes'; readonly nodes: readonly ListedNode[] }
  /** This text, as the answer to whatever was asked. */
  | { readonly kind: 'text'; readonly text: string };

export interface ListAnswer {
  readonly status: '200' | '400' | '500';
  readonly text: string;
}

/** How ids of swarms are written in hexadecimal, if they are at all: oxend before 10.4 has no `swarm`. */
export type SwarmHex = 'shortest' | 'padded' | 'absent';

export interface ListSource {
  readonly chain: Chain;
  readonly lie?: Lie;
  readonly swarmHex?: SwarmHex;
}

/** Large integers of JSON, which `JSON.stringify` cannot write, leave it as text with this in front. */
const BIG = 'bigint:';
const BIG_TEXT = new RegExp(`"${BIG}(-?\\d+)"`, 'g');

const NONSENSE: readonly Readonly<Record<string, unknown>>[] = [
  {},
  { pubkey_x25519: 'not hexadecimal', public_ip: '127.0.0.1', storage_lmq_port: 22_020, swarm_id: 1 },
  { pubkey_x25519: '00', public_ip: '127.0.0.1', storage_lmq_port: 22_020, swarm_id: 1 },
  { pubkey_x25519: 7, pubkey_ed25519: null, public_ip: [], storage_lmq_port: {}, swarm_id: 'one', swarm: 1 },
  { pubkey_x25519: 'ab'.repeat(32), public_ip: '0.0.0.0', storage_lmq_port: 22_020, swarm_id: 1, swarm: '1' },
  { pubkey_x25519: 'ac'.repeat(32), public_ip: '127.0.0.1', storage_lmq_port: 0, swarm_id: 1, swarm: '1' },
  { pubkey_x25519: 'ad'.repeat(32), public_ip: '127.0.0.1', storage_lmq_port: 65_536, swarm_id: 1, swarm: '1' },
  { pubkey_x25519: 'ae'.repeat(32), public_ip: '127.0.0.1', storage_lmq_port: -1, swarm_id: 1, swarm: '1' },
  { pubkey_x25519: 'af'.repeat(32), public_ip: 'a name', storage_lmq_port: 22_020, swarm_id: 1, swarm: '1' },
  { pubkey_x25519: 'ba'.repeat(32), public_ip: '127.0.0.1', storage_lmq_port: 22_020, swarm_id: -1, swarm: '-1' },
  { pubkey_x25519: 'bb'.repeat(32), public_ip: '127.0.0.1', storage_lmq_port: 22_020, swarm_id: 1.5, swarm: 'xyz' },
  {
    pubkey_x25519: 'bc'.repeat(32),
    public_ip: '127.0.0.1',
    storage_lmq_port: 22_020,
    swarm_id: BIG + NO_SWARM,
    swarm: NO_SWARM.toString(16),
  },
];

/** `get_service_nodes` with the JSON of its parameters, as oxend answers over OxenMQ. */
export function answerListRequest(source: ListSource, parameters: string): ListAnswer {
  if (source.lie?.kind === 'text') return { status: '200', text: source.lie.text };
  try {
    return { status: '200', text: toJson(serviceNodes(source, parseParameters(parameters))) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { status: '400', text: `Unable to parse request: ${error.message}` };
  }
}

/** JSON with 64-bit integers as numbers. */
function toJson(value: unknown): string {
  return JSON.stringify(value).replace(BIG_TEXT, '$1');
}

/** The result of `get_service_nodes` as a value for {@link toJson}. */
function serviceNodes(source: ListSource, parameters: Readonly<Record<string, unknown>>): object {
  const { height, hash, nodes } = blockOf(source);
  const common = { block_hash: hash.toString('hex'), height };
  if (parameters['poll_block_hash'] === common.block_hash) return { ...common, status: 'OK', unchanged: true };
  const fields = parameters['fields'] as Readonly<Record<string, boolean>> | undefined;
  const wanted = (name: string) => !fields || fields['all'] === true || fields[name] === true;
  const listed = nodes.filter(({ active }) => active || parameters['active_only'] !== true);
  const states = listed.map((node) => entriesOf(node, source.swarmHex ?? 'shortest'));
  if (source.lie?.kind === 'nonsense') {
    if (source.lie.instead) states.length = 0;
    states.push(...NONSENSE);
  }
  return {
    ...(wanted('block_hash') && { block_hash: common.block_hash }),
    ...(wanted('height') && { height }),
    service_node_states: states.map((state) =>
      Object.fromEntries(Object.entries(state).filter(([name]) => wanted(name))),
    ),
    status: 'OK',
  };
}

function parseParameters(text: string): Record<string, unknown> {
  const parsed: unknown = text === '' ? {} : JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) throw new SyntaxError('expected an object');
  return parsed as Record<string, unknown>;
}

function blockOf({ chain, lie }: ListSource): Block {
  const { block } = chain;
  switch (lie?.kind) {
    case undefined:
    case 'text':
    case 'nonsense':
      return block;
    case 'empty':
      return { ...block, nodes: [] };
    case 'share': {
      const step = Math.round(1 / lie.share);
      return { ...block, nodes: block.nodes.filter((_, index) => index % step === 0) };
    }
    case 'duplicates':
      return {
        ...block,
        nodes: block.nodes.flatMap((node) => [node, { ...node, omqPort: (node.omqPort % 65_535) + 1 }]),
      };
    case 'older':
      return chain.before(lie.blocks);
    case 'nodes':
      return { ...block, nodes: lie.nodes };
  }
}

function entriesOf(node: ListedNode, swarmHex: SwarmHex): Record<string, unknown> {
  const hex = node.swarmId.toString(16);
  return {
    pubkey_ed25519: node.ed25519.toString('hex'),
    pubkey_x25519: node.x25519.toString('hex'),
    public_ip: node.ip,
    storage_lmq_port: node.omqPort,
    storage_port: node.storagePort,
    ...(swarmHex !== 'absent' && { swarm: swarmHex === 'padded' ? hex.padStart(16, '0') : hex }),
    swarm_id: BIG + node.swarmId,
  };
}
