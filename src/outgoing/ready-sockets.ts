import { type Socket } from 'node:net';

const ready = new WeakSet<Socket>();

/**
 * Whether a TLS socket that an agent hands out has shaken hands before, so that what is written goes out at once. Node.js' own
 * `reusedSocket` says so only of a socket that was free when the request came, and not of one that the request waited for.
 * Counts what {@link onceReady} was told of.
 */
export const isReady = (socket: Socket): boolean => ready.has(socket);

/** Calls back when the handshake of a new TLS socket is over. */
export function onceReady(socket: Socket, done: () => void): void {
  socket.once('secureConnect', () => {
    ready.add(socket);
    done();
  });
}
