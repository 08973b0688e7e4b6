import { connect } from 'node:net';
import { openSession, type OwnKeys } from './node-connection.js';
import { type StorageNode } from '../wire/node-list.protocol.js';

/** A handshake has small messages only. */
const LIMITS = { maxParts: 1, maxBytes: 0 };

/**
 * Whether a node is there again: connects, says HELLO, and goes when a WELCOME came, which only the holder of the node's key
 * can make. Far less than a connection: the node does not learn who knocked, and none of our routes is touched.
 *
 * @param onResult called once, later than the call, unless it is called off
 * @returns calls it off
 */
export function knockAt(
  { id, host, port }: StorageNode,
  own: OwnKeys,
  timeoutMs: number,
  onResult: (isThere: boolean) => void,
): () => void {
  const session = openSession(Buffer.from(id, 'hex'), own, LIMITS);
  const socket = connect(port, host);
  const end = (isThere: boolean | null): void => {
    clearTimeout(timer);
    socket.removeAllListeners().on('error', () => undefined);
    socket.destroy();
    if (isThere !== null) onResult(isThere);
  };
  const timer = setTimeout(() => end(false), timeoutMs);
  socket.on('connect', () => (session ? socket.write(session.open()) : end(false)));
  socket.on('data', (chunk: Buffer) => {
    for (const event of session?.receive(chunk) ?? []) {
      if (session?.isPeerKnown) return end(true);
      if (event.kind !== 'send') return end(false);
      socket.write(event.bytes);
    }
  });
  socket.on('error', () => end(false));
  socket.on('close', () => end(false));
  return () => end(null);
}
