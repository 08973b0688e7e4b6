import { isJsonObject } from '../../encoding/json.js';
import { NO_SWARM, SwarmSpace } from './swarm-space.protocol.js';

/** A storage node as a list names it, with all that is needed to reach it. */
export interface StorageNode {
  /** Its X25519 key in hex: by this we know a node, and with it we connect. */
  readonly id: string;
  readonly host: string;
  /** Of OxenMQ over TCP. */
  readonly port: number;
  readonly swarm: bigint;
}

export interface NodeList {
  /** By id; each node once. */
  readonly nodes: ReadonlyMap<string, StorageNode>;
  readonly space: SwarmSpace;
  readonly height: number | null;
  /** In hex. */
  readonly blockHash: string | null;
}

export type ListAnswer =
  | { readonly kind: 'list'; readonly list: NodeList; readonly skipped: number }
  /** Nothing has changed since the block that was named in the question. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'unreadable' };

/** What is asked of an oxend: only active nodes, and of them only what is needed. */
const FIELDS = ['pubkey_ed25519', 'pubkey_x25519', 'public_ip', 'storage_lmq_port', 'swarm', 'swarm_id', 'block_hash', 'height']; // prettier-ignore

/** `get_service_nodes`: the parameters of the question. With `blockHash` the answer may be that nothing has changed. */
export function listQuestion(blockHash: string | null): object {
  return {
    active_only: true,
    fields: Object.fromEntries(FIELDS.map((field) => [field, true])),
    ...(blockHash === null ? {} : { poll_block_hash: blockHash }),
  };
}

/** More nodes than the network has had, far fewer than would hurt. */
const MAX_NODES = 20_000;
const HEX_KEY = /^[0-9a-f]{64}$/i;
const HEX_ID = /^[0-9a-f]{1,16}$/i;
const DECIMAL_ID = /^[0-9]{1,20}$/;
const HOST = /^[0-9a-fA-F.:]{2,45}$/;

/**
 * Reads the answer to {@link listQuestion}: the object itself (OxenMQ), or in `result` (JSON-RPC and what storage nodes pass
 * on). A node that cannot be reached (no proof of uptime, no address, no port, no key) or is in no swarm is skipped, and of
 * two with one key the first is taken.
 *
 * @param isWanted tells whether a node with this address is taken
 */
export function readNodeList(json: string, isWanted: (host: string) => boolean): ListAnswer {
  const answer = parse(json);
  const result = isJsonObject(answer) && isJsonObject(answer.result) ? answer.result : answer;
  if (!isJsonObject(result)) return { kind: 'unreadable' };
  if (result.unchanged === true) return { kind: 'unchanged' };
  const states: unknown = result.service_node_states;
  if (!Array.isArray(states) || states.length > MAX_NODES) return { kind: 'unreadable' };
  const nodes = new Map<string, StorageNode>();
  for (const state of states) {
    const node = readNode(state);
    if (node && !nodes.has(node.id) && isWanted(node.host)) nodes.set(node.id, node);
  }
  const { height, block_hash: blockHash } = result;
  const list = toNodeList(nodes, {
    height: typeof height === 'number' && Number.isSafeInteger(height) && height >= 0 ? height : null,
    blockHash: typeof blockHash === 'string' && HEX_KEY.test(blockHash) ? blockHash : null,
  });
  return { kind: 'list', list, skipped: states.length - nodes.size };
}

export function toNodeList(
  nodes: ReadonlyMap<string, StorageNode>,
  { height, blockHash }: Pick<NodeList, 'height' | 'blockHash'>,
): NodeList {
  const space = new SwarmSpace([...nodes.values()].map(({ swarm }) => swarm));
  return { nodes, space, height, blockHash };
}

/** Writes a list so that {@link readNodeList} reads it again: for the file of the last good list. */
export function writeNodeList({ nodes, height, blockHash }: NodeList): string {
  const states = [...nodes.values()].map(({ id, host, port, swarm }) => ({
    pubkey_x25519: id,
    public_ip: host,
    storage_lmq_port: port,
    swarm: swarm.toString(16),
  }));
  return `${JSON.stringify({ height, block_hash: blockHash, service_node_states: states }, null, 1)}\n`;
}

/** Whether two lists have the same nodes in the same swarms at the same places. */
export function isSameNetwork(one: NodeList, other: NodeList): boolean {
  return one.nodes.size === other.nodes.size && [...one.nodes.values()].every((node) => isSameNode(node, other.nodes.get(node.id))); // prettier-ignore
}

function isSameNode(one: StorageNode, other: StorageNode | undefined): boolean {
  return other?.host === one.host && other.port === one.port && other.swarm === one.swarm;
}

/** As many nodes come, go or change in a few blocks; more at one time are hardly true. Of a small network some are many. */
const LARGEST_CHANGE = { share: 0.05, nodes: 3 };

/** Whether two lists may be the same network a short time apart. */
export function isSimilarNetwork(one: NodeList, other: NodeList): boolean {
  const most = Math.max(one.nodes.size, other.nodes.size);
  const different = most - [...one.nodes.values()].filter((node) => isSameNode(node, other.nodes.get(node.id))).length;
  return different <= LARGEST_CHANGE.nodes || different <= most * LARGEST_CHANGE.share;
}

/** Whether most nodes of a list are strangers to another one: that of another network, or of long ago. */
export function isOtherNetwork(list: NodeList, last: NodeList): boolean {
  const known = [...list.nodes.keys()].filter((id) => last.nodes.has(id)).length;
  return known * 2 < list.nodes.size;
}

/**
 * Why a list is not believed after another; null = it is. It has to have nodes, nearly the same ones at the same places in the
 * same swarms, and must not be of an earlier block. The last two are a matter of doubt: others may say the same.
 */
export function implausibility(list: NodeList, last: NodeList | null): 'empty' | 'too-different' | 'older' | null {
  if (list.nodes.size === 0) return 'empty';
  if (!last) return null;
  if (!isSimilarNetwork(list, last)) return 'too-different';
  return isOlder(list, last) ? 'older' : null;
}

/** Whether a list is of an earlier block than another one, as far as both say. */
export function isOlder(one: NodeList, other: NodeList): boolean {
  return one.height !== null && other.height !== null && one.height < other.height;
}

/**
 * Parses JSON whose swarm ids are numbers of 64 bits, more than a JavaScript number holds: they become text. Inside of a JSON
 * text the quotes would be escaped, so nothing else can look like this.
 */
function parse(json: string): unknown {
  try {
    return JSON.parse(json.replaceAll(/"swarm_id"\s*:\s*([0-9]+)(?=\s*[,}])/g, '"swarm_id":"$1"'));
  } catch {
    return null;
  }
}

function readNode(state: unknown): StorageNode | null {
  if (!isJsonObject(state)) return null;
  const { pubkey_x25519: id, public_ip: host, storage_lmq_port: port } = state;
  const swarm = readSwarm(state.swarm, state.swarm_id);
  if (typeof id !== 'string' || !HEX_KEY.test(id)) return null;
  if (typeof host !== 'string' || !HOST.test(host) || host === '0.0.0.0') return null;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) return null;
  return swarm === null || swarm === NO_SWARM ? null : { id: id.toLowerCase(), host, port, swarm };
}

/** The hexadecimal text of newer servers is taken before the number. */
function readSwarm(hex: unknown, decimal: unknown): bigint | null {
  if (typeof hex === 'string') return HEX_ID.test(hex) ? BigInt(`0x${hex}`) : null;
  if (typeof decimal !== 'string' || !DECIMAL_ID.test(decimal)) return null;
  const id = BigInt(decimal);
  return id <= NO_SWARM ? id : null;
}
