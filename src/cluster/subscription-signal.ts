import cluster from 'node:cluster';
import { type AccountsSubscribed, isAccountsSubscribed } from './messages.js';

/** Tells the process of this instance that leads. */
export function signalSubscribed(accounts: readonly string[]): void {
  const message: AccountsSubscribed = { kind: 'subscribed', accounts };
  if (cluster.isWorker) process.send?.(message);
}

/** Calls `listener` when another process of this instance has stored subscriptions; the result ends that. */
export function onSubscribedElsewhere(listener: (accounts: readonly string[]) => void): () => void {
  const listen = (message: unknown): void => {
    if (isAccountsSubscribed(message)) listener(message.accounts);
  };
  if (cluster.isWorker) process.on('message', listen);
  return () => void process.off('message', listen);
}
