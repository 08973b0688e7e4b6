import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Batcher } from '../../common/bounds/batcher.js';
import { describeError } from '../../common/words/describe-error.js';
import { DatabaseId } from '../../database/database-id.js';
import { KEY_PREFIX, RedisClient } from '../../redis/redis-client.js';
import { LocalSeenMessages } from '../reports/local-seen-messages.js';
import { fingerprintOf, type MessageKey, type Rest, restAlone, SeenMessages } from '../reports/seen-messages.js';
import { SharedSeenTuning } from '../reports/shared-seen-tuning.js';

/** Fingerprints lie in sets that are small enough for Redis to keep them as bare numbers, 8 bytes each. */
const BUCKET_BITS = 12;

/** Well before its claim ends, an instance that is alive renews it. */
const RENEW_MS = 2000;
/** An instance that could not keep the last message lets the others take the next ones. */
const AFTER_OTHERS_MS = 500;
/** Another instance is nearly always done by then, and no request waits for the answer. */
const LOOK_AGAIN_MS = 200;
/** Redis may be back in a moment, and until then nothing gets into the queue either, which is there too. */
const NO_ANSWER_PAUSE_MS = 500;

type Step = 'claim' | 'done' | 'drop';

/** What Redis answers to a claim. */
const OURS = 1;
const DONE = 2;

/**
 * Three KEYS for each message: the younger and the older half of its bucket, and the claim. ARGV: the period in milliseconds,
 * the most that a half holds, how long a claim lasts, whose claims these are; then for each message what to do and its
 * fingerprint as a number.
 *
 * The younger half becomes the older one when it is one period old or full, and lives for two periods from its beginning: what
 * is in it is remembered for one period at least. Returns an answer for each message, and at the end how many fingerprints
 * were forgotten before their time.
 */
const STEPS = `
local period, most, lasts, owner = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local answers, early = {}, 0
for index = 1, #KEYS / 3 do
  local younger, older, claim = KEYS[3 * index - 2], KEYS[3 * index - 1], KEYS[3 * index]
  local step, print = ARGV[3 + 2 * index], ARGV[4 + 2 * index]
  local left = redis.call('PTTL', younger)
  if left >= 0 and left <= period then redis.call('RENAME', younger, older) end
  local answer = 0
  if step == 'claim' then
    if redis.call('SISMEMBER', younger, print) == 1 or redis.call('SISMEMBER', older, print) == 1 then
      answer = ${DONE}
    else
      local holder = redis.call('GET', claim)
      if not holder or holder == owner then
        redis.call('SET', claim, owner, 'PX', lasts)
        answer = ${OURS}
      end
    end
  else
    if step == 'done' then
      if redis.call('SCARD', younger) >= most then
        early = early + redis.call('SCARD', older)
        redis.call('RENAME', younger, older)
      end
      redis.call('SADD', younger, print)
      if redis.call('PTTL', younger) < 0 then redis.call('PEXPIRE', younger, 2 * period) end
    end
    if redis.call('GET', claim) == owner then redis.call('DEL', claim) end
  end
  answers[index] = answer
end
answers[#answers + 1] = early
return answers
`;

interface Asked {
  readonly step: Step;
  readonly fingerprint: Buffer;
  answer: number;
}

/**
 * What several instances have taken: in memory for the copies that come to this one, in Redis for those that come to others.
 *
 * A message is claimed, put into the queue, and only then marked as seen. If it were marked first and the process died before
 * the message is in the queue, the message would be lost: every other instance would take its own copy for a duplicate. A claim
 * expires; copies in other instances wait for that, and the first of them takes the message. A process that dies between queueing
 * and marking leaves a message that is pushed twice.
 *
 * Who cannot keep a message, for want of the database, gives it to the others between two tries.
 *
 * When Redis does not answer, it is asked again for a while; after that every instance takes what is reported to it: twice
 * rather than never. That is logged once.
 *
 * What is asked at one time, of all messages, is one command. The secret of the fingerprints is the id of the database that the
 * instances share: nodes, who could look for two messages that have the same, do not know it.
 */
@Injectable()
export class SharedSeenMessages extends SeenMessages {
  private readonly logger = new Logger(SharedSeenMessages.name);
  private readonly local: LocalSeenMessages;
  private readonly secret: Buffer;
  private readonly owner = randomUUID();
  private readonly steps = new Batcher<Asked>((batch) => this.run(batch));
  private early = 0;
  private isAlone = false;
  /** The last message could not be kept at once. */
  private isFailing = false;

  constructor(
    private readonly redis: RedisClient,
    databaseId: DatabaseId,
    private readonly tuning: SharedSeenTuning,
  ) {
    super();
    this.local = new LocalSeenMessages(tuning.periodMs);
    this.secret = createHash('sha256').update(`seen messages of ${databaseId.value}`).digest();
  }

  override get memoryMs(): number {
    return this.tuning.periodMs;
  }

  override get forgottenEarly(): number {
    return this.early + this.local.forgottenEarly;
  }

  override async once(message: MessageKey, take: (rest: Rest) => Promise<void>): Promise<'taken' | 'copy'> {
    let outcome: 'taken' | 'copy' = 'copy';
    const here = await this.local.once(message, async () => {
      outcome = await this.onceAmongAll(fingerprintOf(message, this.secret), take);
    });
    return here === 'copy' ? 'copy' : outcome;
  }

  private async onceAmongAll(fingerprint: Buffer, take: (rest: Rest) => Promise<void>): Promise<'taken' | 'copy'> {
    if (this.isFailing) await sleep(AFTER_OTHERS_MS);
    if (!(await this.isOurs(fingerprint))) return 'copy';
    let renewal = this.renew(fingerprint);
    let isElsewhere = false;
    let isTaken = false;
    const rest: Rest = async (ms, signal) => {
      this.isFailing = true;
      clearInterval(renewal);
      await this.ask('drop', fingerprint);
      await restAlone(ms, signal);
      isElsewhere = !(await this.isOurs(fingerprint));
      if (!isElsewhere) renewal = this.renew(fingerprint);
      return isElsewhere;
    };
    try {
      await take(rest);
      isTaken = true;
    } finally {
      clearInterval(renewal);
      await this.ask(isTaken ? 'done' : 'drop', fingerprint);
    }
    if (isElsewhere) return 'copy';
    this.isFailing = false;
    return 'taken';
  }

  private renew(fingerprint: Buffer): NodeJS.Timeout {
    return setInterval(() => void this.ask('claim', fingerprint), Math.min(RENEW_MS, this.tuning.claimMs / 3));
  }

  /** Waits while another one is taking it; false = it has been taken. */
  private async isOurs(fingerprint: Buffer): Promise<boolean> {
    for (;;) {
      const answer = await this.claim(fingerprint);
      if (answer === DONE) return false;
      if (answer === OURS || answer === null) return true;
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** null = Redis does not answer. */
  private async claim(fingerprint: Buffer): Promise<number | null> {
    const until = performance.now() + this.tuning.aloneAfterMs;
    for (;;) {
      const answer = await this.ask('claim', fingerprint);
      if (answer !== null || this.isAlone) return answer;
      if (performance.now() >= until) break;
      await sleep(NO_ANSWER_PAUSE_MS);
    }
    this.tellAlone();
    return null;
  }

  private async ask(step: Step, fingerprint: Buffer): Promise<number | null> {
    const asked: Asked = { step, fingerprint, answer: 0 };
    try {
      await this.steps.add(asked);
    } catch (error) {
      this.logger.debug({ msg: 'what was seen is not shared', error: describeError(error) });
      return null;
    }
    this.tellTogether();
    return asked.answer;
  }

  private async run(batch: readonly Asked[]): Promise<void> {
    const { periodMs, maxPerBucket, claimMs } = this.tuning;
    const keys = batch.flatMap(({ fingerprint }) => keysOf(fingerprint));
    const parts = batch.flatMap(({ step, fingerprint }) => [step, String(fingerprint.readBigInt64LE())]);
    const answers = await this.redis.eval(
      STEPS,
      keys.length,
      ...keys,
      periodMs,
      maxPerBucket,
      claimMs,
      this.owner,
      ...parts,
    );
    batch.forEach((asked, index) => (asked.answer = (answers as number[])[index] ?? 0));
    this.early += (answers as number[])[batch.length] ?? 0;
  }

  private tellAlone(): void {
    if (!this.isAlone)
      this.logger.error('Redis does not answer: messages that several instances see are pushed twice until it does');
    this.isAlone = true;
  }

  private tellTogether(): void {
    if (this.isAlone) this.logger.log('Redis answers again: messages that several instances see are pushed once');
    this.isAlone = false;
  }
}

function keysOf(fingerprint: Buffer): [string, string, string] {
  const bucket = fingerprint.readUInt16LE(0) & ((1 << BUCKET_BITS) - 1);
  const prefix = `${KEY_PREFIX}:seen`;
  return [`${prefix}:${bucket}`, `${prefix}:${bucket}:older`, `${prefix}:claim:${fingerprint.toString('base64url')}`];
}
