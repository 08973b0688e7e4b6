import sodium from 'libsodium-wrappers';
import { type AppConfig, type NetworkConfig } from '../../config/app-config.js';
import { type ListSource } from '../../swarms/nodes/list-source.js';
import { NodeConnection, type OwnKeys } from '../../swarms/lines/node-connection.js';
import { listQuestion, readNodeList, type StorageNode } from '../../swarms/wire/node-list.protocol.js';
import { Outgoing } from '../../outgoing/outgoing.js';
import { openSources } from '../../swarms/nodes/open-sources.js';
import { isPublicAddress } from '../../common/words/public-address.js';
import { type Check } from './check.js';

/** A few nodes may be away; when none of so many answers, something is in between. */
const NODES_TO_TRY = 5;

/** Fetches the list from each source, and greets one of the nodes that it names. */
export async function checkNetwork({ network, proxy }: AppConfig, offline: boolean): Promise<Check[]> {
  const name = 'network';
  if (network === null) return [{ name, status: 'off', detail: 'set NODE_LIST to serve current Session apps' }];
  if (offline) return [{ name, status: 'ok', detail: `${network.sources.length} sources, not asked` }];
  await sodium.ready;
  // Keys of this moment: those of a running server must not take its routes away.
  const own = sodium.crypto_box_keypair();
  const sources = openSources(network, own, () => undefined, new Outgoing(proxy));
  try {
    const looks = await Promise.all(sources.map((source) => lookAt(source, network)));
    const nodes = looks.flatMap((look) => look.nodes);
    const anyWorks = looks.some(({ check }) => check.status === 'ok');
    // One source that is away is what the others are for.
    const checks = looks.map(({ check }) =>
      check.status === 'failed' && anyWorks ? { ...check, status: 'warning' as const } : check,
    );
    return [...checks, await greetOne(nodes, own)];
  } finally {
    for (const source of sources) source.close();
  }
}

async function lookAt(source: ListSource, network: NetworkConfig): Promise<{ check: Check; nodes: StorageNode[] }> {
  const name = `source ${source.name}`;
  const answer = await source.ask(listQuestion(null));
  if (answer.kind === 'failed') {
    return { check: { name, status: 'failed', detail: `gave no list: ${answer.failure}` }, nodes: [] };
  }
  const list = readNodeList(answer.json, (host) => !network.publicAddressesOnly || isPublicAddress(host));
  if (list.kind !== 'list') return { check: { name, status: 'failed', detail: 'gave no list: unreadable' }, nodes: [] };
  const nodes = [...list.list.nodes.values()];
  const swarms = new Set(nodes.map(({ swarm }) => swarm)).size;
  return { check: { name, status: 'ok', detail: `${nodes.length} nodes in ${swarms} swarms` }, nodes };
}

async function greetOne(nodes: readonly StorageNode[], own: OwnKeys): Promise<Check> {
  const name = 'storage node';
  const tried = nodes.slice(0, NODES_TO_TRY);
  for (const node of tried) {
    if (await greets(node, own)) return { name, status: 'ok', detail: 'one of the nodes answers' };
  }
  return {
    name,
    status: 'failed',
    detail: `none of ${tried.length} nodes answers: is outgoing TCP to any port allowed?`,
  };
}

function greets({ id, host, port }: StorageNode, own: OwnKeys): Promise<boolean> {
  return new Promise((resolve) => {
    const target = { address: { kind: 'tcp' as const, host, port }, key: Buffer.from(id, 'hex') };
    const connection = new NodeConnection(target, own, {
      opened: () => {
        resolve(true);
        connection.close();
      },
      command: () => undefined,
      ended: () => resolve(false),
    });
    connection.open();
  });
}
