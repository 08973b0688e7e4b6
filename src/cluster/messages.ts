/** What the processes of one instance send each other, by way of the first one. */
export type ClusterMessage =
  NotificationAdded | AccountsSubscribed | ClusterQuestion | PassedQuestion | ClusterAnswer | ProcessListening;

export type MessageKind = ClusterMessage['kind'];
export type MessageOf<Kind extends MessageKind> = Extract<ClusterMessage, { kind: Kind }>;

/** There is a notification in the table that no process has claimed. For the leader, which delivers. */
interface NotificationAdded {
  readonly kind: 'notification-added';
}

/** Accounts, in their stored form, that phones have just subscribed. For the leader, which watches the network. */
interface AccountsSubscribed {
  readonly kind: 'subscribed';
  readonly accounts: readonly string[];
}

/** A question of one process to all of its instance. The first process passes it on, and the answers back. */
interface ClusterQuestion {
  readonly kind: 'question';
  /** UUID. */
  readonly id: string;
  readonly topic: string;
}

/** A question on its way to one of those who are asked. */
export interface PassedQuestion extends Omit<ClusterQuestion, 'kind'> {
  readonly kind: 'passed-question';
  /** The cluster's number of the process that asks. */
  readonly from: number;
  /** How many are asked. */
  readonly of: number;
}

export interface ClusterAnswer {
  readonly kind: 'answer';
  readonly id: string;
  /** Whom it goes to. */
  readonly to: number;
  /** How many answers there will be. */
  readonly of: number;
  /** JSON; null = that process cannot tell. */
  readonly value: unknown;
}

/** A process accepts requests. For the first process, which tells the operator when all of them do. */
interface ProcessListening {
  readonly kind: 'listening';
  /** JSON that `server/` writes and reads. */
  readonly report: unknown;
}
