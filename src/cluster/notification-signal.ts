import cluster from 'node:cluster';
import { NOTIFICATION_ADDED } from './messages.js';

/** Tells the process of this instance that delivers that there is something in the table. */
export function signalAddition(): void {
  if (cluster.isWorker) process.send?.(NOTIFICATION_ADDED);
}

/** Calls `listener` when another process of this instance added something; the result ends that. */
export function onAdditionElsewhere(listener: () => void): () => void {
  const listen = (message: unknown): void => {
    if (message === NOTIFICATION_ADDED) listener();
  };
  if (cluster.isWorker) process.on('message', listen);
  return () => void process.off('message', listen);
}
