import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** An address that leads to one server and later to another, as a name of DNS or a virtual address does in a failover. */
export class TcpSwitch {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private target: number,
  ) {}

  /** @param target a port of the loopback */
  static async open(target: number): Promise<TcpSwitch> {
    const server = createServer();
    const it = new TcpSwitch(server, target);
    server.on('connection', (socket) => it.join(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return it;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** New connections go there from now on; those that are open stay where they are. */
  leadTo(target: number): void {
    this.target = target;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(inner: Socket): void {
    const outer = connect(this.target, '127.0.0.1');
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.sockets.add(one);
      one.setNoDelay(true);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
  }
}
