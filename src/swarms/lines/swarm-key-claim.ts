/** The part of a server that watches the network, which it may while no other instance does so with the same key. */
export interface KeyHolder {
  /** This process has the key and may watch. */
  granted(): Promise<void>;
  /** Another instance uses the key by now: this one must close its connections to nodes. */
  revoked(): void;
}

/**
 * Decides which instance uses the server's key towards the nodes. Nodes know a line by a routing id that is made of the key: two servers
 * with one key take each other's routes, and each hears of a part of the messages.
 */
export abstract class SwarmKeyClaim {
  /** Another instance uses the key, and is alive. */
  abstract readonly isElsewhere: boolean;
  /** Tells the holder when it may watch, and when not. Resolves when that is known for now. */
  abstract hold(holder: KeyHolder): Promise<void>;
  /** Gives the key back. The holder is told nothing after that. */
  abstract release(): Promise<void>;
}

/** For a server without Redis, which shares its key with no other instance. */
export class SoleSwarmKey extends SwarmKeyClaim {
  readonly isElsewhere = false;

  hold(holder: KeyHolder): Promise<void> {
    return holder.granted();
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}
