import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A handshake that waits for so long is let through when the system repeats it, a second after its first packet. */
const HELD_MS = 600;
const LOOK_EVERY_MS = 50;
/** What a listener with a backlog of 1 keeps besides what is accepted. */
const ROOM = 2;
const FILLER = '127.0.0.2';
/** Where the door is: on the port of what is behind it, so that certificates and audiences fit. */
const DOOR = '127.0.0.3';

/** States of TCP in /proc/net/tcp. */
const SYN_SENT = '02';
const LISTENING = '0A';

/** Accepts, and hands over what it accepted; nothing else, for it is stopped most of the time. */
const LISTENER = `
  const server = require('node:net').createServer({ pauseOnConnect: true });
  server.on('connection', (socket) =>
    socket.remoteAddress === '${FILLER}' ? socket.destroy() : process.send('socket', socket));
  server.listen(Number(process.argv[1]), '${DOOR}', 1, () => process.send('listening'));
  process.on('message', () => process.send('idle'));
  process.on('disconnect', () => process.exit());
`;

/**
 * A far link to a port of the loopback: each handshake takes a second. Its listener is stopped and its queue full, so the system
 * drops the first packet, and the one that is repeated gets through. It is where `two-addresses.mjs` leads. Linux only.
 */
export class FarDoor {
  private readonly sockets = new Set<Socket>();
  private fillers: Socket[] = [];
  private closed = false;

  private constructor(
    private readonly listener: ChildProcess,
    private readonly port: number,
  ) {
    listener.on('message', (what, inner) => what === 'socket' && inner && this.join(inner as Socket));
  }

  /** @param port of 127.0.0.1, and of the door */
  static async open(port: number): Promise<FarDoor> {
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    const listener = spawn(process.execPath, ['-e', LISTENER, String(port)], { stdio: [...stdio] });
    await once(listener, 'message');
    const door = new FarDoor(listener, port);
    await door.shut();
    void door.watch();
    return door;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.listener.kill('SIGKILL');
    await once(this.listener, 'exit');
    this.dropFillers();
    for (const socket of this.sockets) socket.destroy();
  }

  private async watch(): Promise<void> {
    let since: number | null = null;
    for (; !this.closed; await sleep(LOOK_EVERY_MS)) {
      if (!this.isKnockedAt()) since = null;
      else since ??= performance.now();
      if (since === null || performance.now() - since < HELD_MS) continue;
      since = null;
      this.listener.kill('SIGCONT');
      while (this.isKnockedAt() && !this.closed) await sleep(LOOK_EVERY_MS);
      await this.shut();
    }
  }

  private async shut(): Promise<void> {
    while (!this.closed) {
      await this.handedOver();
      this.listener.kill('SIGSTOP');
      await sleep(LOOK_EVERY_MS);
      if (this.queued() === 0 && (await this.fill())) return;
      // Somebody came in at the last moment.
      this.dropFillers();
      this.listener.kill('SIGCONT');
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** What the listener accepted is here: stopped in between, it would keep it. */
  private async handedOver(): Promise<void> {
    const isIdle = new Promise<void>((resolve) => {
      const told = (what: unknown): void => {
        if (what !== 'idle') return;
        this.listener.off('message', told);
        resolve();
      };
      this.listener.on('message', told);
    });
    if (this.listener.connected) this.listener.send('?', () => undefined);
    await Promise.race([isIdle, sleep(HELD_MS)]);
  }

  /** Whether the queue is full of nobody: a place that somebody else has is missing for a filler. */
  private async fill(): Promise<boolean> {
    this.dropFillers();
    for (let count = 0; count < ROOM && !this.closed; count++) {
      const filler = connect({ port: this.port, host: DOOR, localAddress: FILLER });
      this.fillers.push(filler);
      filler.on('error', () => undefined);
      const isIn = once(filler, 'connect').then(() => true);
      if (!(await Promise.race([isIn.catch(() => false), sleep(4 * LOOK_EVERY_MS, false)]))) return false;
    }
    return true;
  }

  private dropFillers(): void {
    for (const socket of this.fillers) socket.destroy();
    this.fillers = [];
  }

  private get address(): string {
    return `0300007F:${this.port.toString(16).toUpperCase().padStart(4, '0')}`;
  }

  /** Somebody's first packet was dropped, and he has not given up. */
  private isKnockedAt(): boolean {
    return connections().some(({ state, remote }) => state === SYN_SENT && remote === this.address);
  }

  private queued(): number {
    return connections().find(({ state, local }) => state === LISTENING && local === this.address)?.queued ?? 0;
  }

  private join(inner: Socket): void {
    const outer = connect(this.port, '127.0.0.1');
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

interface Connection {
  state: string;
  local: string;
  remote: string;
  queued: number;
}

/** The connections and listeners of IPv4 (proc(5)): addresses in hexadecimal, the lowest byte first. */
function connections(): Connection[] {
  const lines = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1);
  return lines.map((line) => {
    const [, local = '', remote = '', state = '', queues = ''] = line.trim().split(/\s+/);
    return { state, local, remote, queued: parseInt(queues.split(':')[1] ?? '', 16) };
  });
}
