/** Whoever may watch the network only while nobody else does with the same key. */
export interface KeyHolder {
  /** The key is this process's: it may watch. */
  granted(): Promise<void>;
  /** Another one uses it by now: nodes must not see it from here any more. */
  revoked(): void;
}

/**
 * To whom this server's key towards the nodes belongs. Nodes know a line by a routing id that is made of the key: two servers
 * with one key take each other's routes, and each hears of a part of the messages.
 */
export abstract class SwarmKeyClaim {
  /** Another instance uses the key, and is alive. */
  abstract readonly isElsewhere: boolean;
  /** Tells the holder when it may watch, and when not. Resolves when that is known for now. */
  abstract hold(holder: KeyHolder): Promise<void>;
  /** Lets others have it. Nobody is told anything after that. */
  abstract release(): Promise<void>;
}

/** For a server that shares nothing: there is nobody to ask. */
export class SoleSwarmKey extends SwarmKeyClaim {
  readonly isElsewhere = false;

  hold(holder: KeyHolder): Promise<void> {
    return holder.granted();
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}
