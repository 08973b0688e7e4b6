import { createHash, randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { describeError } from '../../common/words/describe-error.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { KEY_PREFIX, RedisClient } from '../../redis/redis-client.js';
import { KeyClaimTuning } from '../lines/key-claim-tuning.js';
import { OwnKeys } from '../lines/node-connection.js';
import { type KeyHolder, SwarmKeyClaim } from '../lines/swarm-key-claim.js';

/** Takes KEYS[1] for ARGV[1], for ARGV[2] milliseconds, unless another one has it. Returns whether it has it now. */
const CLAIM = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

const WHAT_TO_DO =
  'another instance uses the same SWARM_KEY_FILE, so this one does not watch the network: nodes would take the two for one, ' +
  'and each would hear of a part of the messages. Every instance needs a key of its own: remove this copy of the file at its ' +
  'default place, or name another one, and start again';

/**
 * An instance that uses a key renews its claim in Redis every second, under a digest of the public half. Another instance with the
 * key waits for as long as the claim of a dead one would last; when it is still renewed then, it logs what to do and goes on waiting.
 *
 * While Redis does not answer nothing changes, and an instance that does not know yet watches: rather twice than not at all.
 */
@Injectable()
export class SharedSwarmKeyClaim extends SwarmKeyClaim {
  isElsewhere = false;
  private readonly logger = new Logger(SharedSwarmKeyClaim.name);
  private readonly owner = randomUUID();
  private readonly key: string;
  private holder: KeyHolder | null = null;
  private isGranted = false;
  private waitingSince: number | null = null;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly redis: RedisClient,
    own: OwnKeys,
    private readonly events: OperatorEvents,
    private readonly tuning: KeyClaimTuning,
  ) {
    super();
    this.key = `${KEY_PREFIX}:swarm-key:${createHash('sha256').update(own.publicKey).digest('base64url').slice(0, 22)}`;
  }

  override hold(holder: KeyHolder): Promise<void> {
    this.holder = holder;
    return this.look();
  }

  override async release(): Promise<void> {
    this.holder = null;
    clearTimeout(this.timer);
    await this.looking;
    if (!this.isGranted) return;
    this.isGranted = false;
    await this.redis.eval(RELEASE, 1, this.key, this.owner).catch(() => undefined);
  }

  private look(): Promise<void> {
    this.looking = this.lookNow();
    return this.looking;
  }

  private async lookNow(): Promise<void> {
    const isOurs = await this.claim();
    if (!this.holder) return;
    if (isOurs ?? !this.isElsewhere) await this.grant(this.holder);
    else this.refuse(this.holder);
    if (this.holder) this.timer = setTimeout(() => void this.look(), this.tuning.renewMs).unref();
  }

  /** null = Redis does not say. */
  private async claim(): Promise<boolean | null> {
    try {
      return (await this.redis.eval(CLAIM, 1, this.key, this.owner, this.tuning.lastsMs)) === 1;
    } catch (error) {
      this.logger.debug({ msg: 'who uses the swarm key is not known', error: describeError(error) });
      return null;
    }
  }

  private async grant(holder: KeyHolder): Promise<void> {
    this.waitingSince = null;
    if (this.isGranted) return;
    this.isGranted = true;
    if (this.isElsewhere) {
      this.isElsewhere = false;
      this.logger.log('nobody else uses this SWARM_KEY_FILE any more: this instance watches the network');
      this.events.emit({ kind: 'swarm-key-own' });
    }
    await holder.granted();
  }

  private refuse(holder: KeyHolder): void {
    const now = performance.now();
    this.waitingSince ??= now;
    const wasGranted = this.isGranted;
    this.isGranted = false;
    if (wasGranted) holder.revoked();
    if (this.isElsewhere || (!wasGranted && now - this.waitingSince < this.tuning.aliveAfterMs)) return;
    this.isElsewhere = true;
    this.logger.error(WHAT_TO_DO);
    this.events.emit({ kind: 'swarm-key-shared' });
  }
}
