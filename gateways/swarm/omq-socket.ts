import { setTimeout as sleep } from 'node:timers/promises';
import { context, type Event, Router } from 'zeromq';

/** libzmq's default of 1,023 sockets does not do for a network in one process; it counts before the first one only. */
context.maxSockets = 16_384;
/** Or a process that ends waits for sockets that somebody forgot. */
context.blocky = false;

/** As storage servers set them: larger messages end the line that brings them. */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
const HANDSHAKE_MS = 10_000;
const HEARTBEAT_MS = 15_000;
/** A port is free again only some milliseconds after its socket was closed. */
const REBIND_PAUSE_MS = 10;
const REBIND_PATIENCE_MS = 10_000;

/** Connections, as the socket tells of them. */
export interface ConnectionCounts {
  accepted: number;
  handshakes: number;
  failedHandshakes: number;
  disconnected: number;
}

export type Frames = readonly (Buffer | string)[];

export interface OmqSocketOptions {
  /** X25519, 32 bytes; null = plain ZeroMQ without encryption. */
  readonly secretKey: Buffer | null;
  /** Count connections; costs two more sockets inside libzmq. */
  readonly observed: boolean;
  readonly onMessage: (route: Buffer, frames: readonly Buffer[]) => void;
}

/** A ROUTER socket as an OxenMQ listener has it, which can be closed and opened again at its address. */
export class OmqSocket {
  readonly connections: ConnectionCounts = { accepted: 0, handshakes: 0, failedHandshakes: 0, disconnected: 0 };
  /** Where it listens, or listened last. */
  address = '';
  private router: Router | undefined;
  private sending: Promise<unknown> = Promise.resolve();
  private frozen: PromiseWithResolvers<void> | undefined;

  constructor(private readonly options: OmqSocketOptions) {}

  get open(): boolean {
    return this.router !== undefined;
  }

  /** Ends when the address is taken by somebody else for longer than a socket of ours takes to let go of it. */
  async listen(address: string, secretKey = this.options.secretKey): Promise<void> {
    const deadline = Date.now() + REBIND_PATIENCE_MS;
    for (;;) {
      const router = makeRouter(secretKey);
      if (this.options.observed) void this.observe(router);
      try {
        await router.bind(address);
        this.address = router.lastEndpoint ?? address;
        this.router = router;
        void this.read(router);
        return;
      } catch (error) {
        router.close();
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || Date.now() > deadline) throw error;
        await sleep(REBIND_PAUSE_MS);
      }
    }
  }

  /** Cuts every line; what was not sent yet is lost. */
  close(): void {
    this.thaw();
    this.router?.close();
    this.router = undefined;
  }

  /** Nothing is read any more, although libzmq goes on taking connections and answering its own PINGs. */
  freeze(): void {
    this.frozen ??= Promise.withResolvers<void>();
  }

  thaw(): void {
    this.frozen?.resolve();
    this.frozen = undefined;
  }

  /** false = nobody is connected with this routing id, or he does not read: then it is lost, as with a real node. */
  send(route: Buffer, frames: Frames): Promise<boolean> {
    const { router } = this;
    const sent = this.sending.then(() => router !== undefined && sendNow(router, [route, ...frames]));
    this.sending = sent;
    return sent;
  }

  private async read(router: Router): Promise<void> {
    for await (const [route, ...frames] of router) {
      while (this.frozen) await this.frozen.promise;
      if (router !== this.router) return;
      if (route) this.options.onMessage(route, frames);
    }
  }

  private async observe(router: Router): Promise<void> {
    for await (const event of router.events) this.count(event);
  }

  private count({ type }: Event): void {
    if (type === 'accept') this.connections.accepted++;
    else if (type === 'handshake') this.connections.handshakes++;
    else if (type === 'disconnect') this.connections.disconnected++;
    else if (type.startsWith('handshake:error')) this.connections.failedHandshakes++;
  }
}

function makeRouter(secretKey: Buffer | null): Router {
  const router = new Router({
    // Whoever presents a routing id gets what goes there, and who had it before goes deaf.
    handover: true,
    // Or a message to nobody would be "sent".
    mandatory: true,
    linger: 0,
    sendTimeout: 0,
    maxMessageSize: MAX_MESSAGE_BYTES,
    handshakeInterval: HANDSHAKE_MS,
    heartbeatInterval: HEARTBEAT_MS,
    heartbeatTimeout: 2 * HEARTBEAT_MS,
  });
  if (secretKey) {
    // The type knows keys as Z85 text only, which cannot be told from 40 raw bytes.
    Object.assign(router, { curveServer: true, curveSecretKey: secretKey });
  }
  return router;
}

/** One at a time: a socket takes no second message while it is busy with one. */
async function sendNow(router: Router, frames: Frames): Promise<boolean> {
  if (router.closed) return false;
  try {
    await router.send([...frames]);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EHOSTUNREACH' || code === 'EAGAIN' || router.closed) return false;
    throw error;
  }
}
