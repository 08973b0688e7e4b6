/** There is a notification in the table that nobody has claimed. */
export const NOTIFICATION_ADDED = 'notification-added';

/** A question of one process to all of its instance. The first process passes it on, and the answers back. */
export interface ClusterQuestion {
  kind: 'question';
  /** UUID. */
  id: string;
  topic: string;
}

/** A question on its way to one of those who are asked. */
export interface PassedQuestion extends ClusterQuestion {
  /** The cluster's number of the process that asks. */
  from: number;
  /** How many are asked. */
  of: number;
}

export interface ClusterAnswer {
  kind: 'answer';
  id: string;
  /** Whom it goes to. */
  to: number;
  /** How many answers there will be. */
  of: number;
  /** JSON; null = that process cannot tell. */
  value: unknown;
}

/** Accounts, in their stored form, that phones have just subscribed. */
export interface AccountsSubscribed {
  readonly kind: 'subscribed';
  readonly accounts: readonly string[];
}

const isOfKind = (message: unknown, kind: string): boolean =>
  typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind;

export const isQuestion = (message: unknown): message is ClusterQuestion => isOfKind(message, 'question');
export const isPassedQuestion = (message: unknown): message is PassedQuestion => isOfKind(message, 'question');
export const isAnswer = (message: unknown): message is ClusterAnswer => isOfKind(message, 'answer');
export const isAccountsSubscribed = (message: unknown): message is AccountsSubscribed =>
  isOfKind(message, 'subscribed');
