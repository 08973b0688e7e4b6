import cluster, { type Worker } from 'node:cluster';
import { type EventEmitter } from 'node:events';
import { type ClusterMessage, type MessageKind, type MessageOf } from './messages.js';

type Listener<Kind extends MessageKind> = (message: MessageOf<Kind>) => void;

/** Sends a message from one of several processes to the first one. A process that is alone sends nothing. */
export function sendToPrimary(message: ClusterMessage): void {
  if (cluster.isWorker) process.send?.(message, undefined, undefined, () => undefined);
}

/** Calls `listener` with what the first process sends to this one. The result ends that. */
export function onMessage<Kind extends MessageKind>(kind: Kind, listener: Listener<Kind>): () => void {
  return cluster.isWorker ? listen(process, kind, listener) : () => undefined;
}

/** In the first process. A member that has just died gets nothing: the one in its place looks by itself. */
export function sendToMember(member: Worker | undefined, message: ClusterMessage): void {
  if (member?.isConnected()) member.send(message, () => undefined);
}

/** In the first process. */
export function onMessageOf<Kind extends MessageKind>(member: Worker, kind: Kind, listener: Listener<Kind>): void {
  listen(member, kind, listener);
}

function listen<Kind extends MessageKind>(sender: EventEmitter, kind: Kind, listener: Listener<Kind>): () => void {
  const hear = (message: unknown): void => {
    if (isOfKind(message, kind)) listener(message);
  };
  sender.on('message', hear);
  return () => void sender.off('message', hear);
}

/** Both ends are the same code, so the kind says what else there is. */
function isOfKind<Kind extends MessageKind>(message: unknown, kind: Kind): message is MessageOf<Kind> {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind;
}
