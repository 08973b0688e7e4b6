import { Chain } from '../../gateways/swarm/chain.js';
import { type SwarmNetwork } from '../../gateways/swarm/network.js';
import { Oxend } from '../../gateways/swarm/oxend.js';
import { TcpProxy } from '../../gateways/swarm/tcp-proxy.js';

/** What an instance can be cut off from. */
export type Destination = 'Redis' | 'the database' | 'all nodes';

/** The ways of one instance to what it shares with others: any of them can be cut without touching theirs. */
export class OwnWays {
  private constructor(
    private readonly proxies: Readonly<Record<Destination, readonly TcpProxy[]>>,
    private readonly oxend: Oxend,
    /** The variables that lead an instance over these ways. */
    readonly environment: Readonly<Record<'REDIS_URL' | 'DATABASE_URL' | 'NODE_LIST', string>>,
  ) {}

  static async open(
    { REDIS_URL, DATABASE_URL }: Readonly<Record<'REDIS_URL' | 'DATABASE_URL', string>>,
    network: SwarmNetwork,
  ): Promise<OwnWays> {
    const [redis, database] = [await wayTo(REDIS_URL), await wayTo(DATABASE_URL)];
    const nodes = await Promise.all(network.nodes.map((node) => listening(new TcpProxy(() => node.port))));
    const chain = new Chain();
    const listed = network.nodes.flatMap((node, index) => {
      const omqPort = nodes[index]?.port ?? 0;
      return node.listed ? [{ ...node.listed, omqPort }] : [];
    });
    chain.next(listed);
    const oxend = new Oxend({ chain });
    await oxend.start();
    return new OwnWays({ Redis: [redis.proxy], 'the database': [database.proxy], 'all nodes': nodes }, oxend, {
      REDIS_URL: redis.url,
      DATABASE_URL: database.url,
      NODE_LIST: oxend.sources.tcp,
    });
  }

  /** Nothing passes any more, and nobody is told. */
  async cutOff(destination: Destination): Promise<void> {
    await Promise.all(this.proxies[destination].map((proxy) => proxy.be('frozen')));
  }

  async mend(destination: Destination): Promise<void> {
    await Promise.all(this.proxies[destination].map((proxy) => proxy.be('pass')));
  }

  async close(): Promise<void> {
    await this.oxend.stop();
    await Promise.all(Object.values(this.proxies).flatMap((some) => some.map((proxy) => proxy.close())));
  }
}

async function listening(proxy: TcpProxy): Promise<TcpProxy> {
  await proxy.listen();
  return proxy;
}

async function wayTo(address: string): Promise<{ proxy: TcpProxy; url: string }> {
  const url = new URL(address);
  const port = Number(url.port);
  const proxy = await listening(new TcpProxy(() => port));
  url.port = String(proxy.port);
  return { proxy, url: url.href };
}
