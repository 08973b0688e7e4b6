import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { RouterNode } from './router-node.js';

export interface ListedNode {
  readonly key: Buffer | null;
  readonly port: number;
  readonly swarm: bigint;
  readonly host?: string;
}

/** What an oxend answers to `get_service_nodes`, and what it is asked. */
export class ChainState {
  height = 1;
  nodes: ListedNode[] = [];
  readonly asked: { poll_block_hash?: string }[] = [];
  /** Answers instead, for what no oxend should say. */
  lie: string | null = null;

  get blockHash(): string {
    return this.height.toString(16).padStart(64, '0');
  }

  answer(question: string): string {
    const asked = JSON.parse(question) as { poll_block_hash?: string };
    this.asked.push(asked);
    if (this.lie !== null) return this.lie;
    const { height, blockHash } = this;
    if (asked.poll_block_hash === blockHash)
      return JSON.stringify({ block_hash: blockHash, height, status: 'OK', unchanged: true });
    const states = this.nodes.map(({ key, port, swarm, host = '127.0.0.1' }) => ({
      pubkey_x25519: key?.toString('hex'),
      public_ip: host,
      storage_lmq_port: port,
      swarm: swarm.toString(16),
    }));
    return JSON.stringify({ block_hash: blockHash, height, service_node_states: states, status: 'OK' });
  }
}

/** An oxend over OxenMQ: it knows the list and tells of blocks. */
export async function startOxend(chain: ChainState, options?: { secure?: boolean }): Promise<RouterNode> {
  const oxend = await RouterNode.start(options);
  oxend.on('rpc.get_service_nodes', ([question]) => ['200', chain.answer(String(question))]);
  oxend.on('sub.block', () => ['OK']);
  return oxend;
}

/** An oxend over JSON-RPC; `fail` = it answers 500. */
export async function startJsonRpc(chain: ChainState): Promise<{ url: string; fail: boolean; server: Server }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { params: object };
      response.statusCode = source.fail ? 500 : 200;
      response.end(`{"jsonrpc":"2.0","id":"0","result":${chain.answer(JSON.stringify(body.params))}}`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const source = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/json_rpc`, fail: false, server };
  return source;
}
