import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DeliveryTuning } from '../delivery-tuning.js';
import { KEY_PREFIX, RedisClient } from '../../redis/redis-client.js';
import {
  type LimitDecision,
  type RecipientBounds,
  recipientBounds,
  RecipientLimiter,
  WINDOW_MS,
} from '../recipient-limit.js';

/**
 * Counts one notification of ARGV[3] devices for KEYS[1], within ARGV[1] notifications and ARGV[2] pushes per ARGV[4]
 * milliseconds. Returns whether it passes, and for the first that does not, what is left of the window; else -1.
 */
const TAKE = `
local notifications = tonumber(redis.call('HGET', KEYS[1], 'notifications') or '0')
local pushes = tonumber(redis.call('HGET', KEYS[1], 'pushes') or '0')
local fits = pushes == 0 or pushes + tonumber(ARGV[3]) <= tonumber(ARGV[2])
if notifications < tonumber(ARGV[1]) and fits then
  redis.call('HINCRBY', KEYS[1], 'notifications', 1)
  redis.call('HINCRBY', KEYS[1], 'pushes', ARGV[3])
  if notifications == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
  return {1, -1}
end
if redis.call('HSETNX', KEYS[1], 'collapsing', 1) == 1 then return {0, redis.call('PTTL', KEYS[1])} end
return {0, -1}
`;

/** The bound of several instances, in Redis under a digest of the recipient. */
@Injectable()
export class SharedRecipientLimit extends RecipientLimiter {
  private readonly bounds: RecipientBounds;

  constructor(
    private readonly redis: RedisClient,
    tuning: DeliveryTuning,
  ) {
    super();
    this.bounds = recipientBounds(tuning);
  }

  override async take(recipient: string, devices: number, now: number): Promise<LimitDecision> {
    const { notificationsPerMinute, pushesPerMinute } = this.bounds;
    const key = `${KEY_PREFIX}:limit:${hash('sha256', recipient, 'base64')}`;
    const answer = await this.redis.eval(TAKE, 1, key, notificationsPerMinute, pushesPerMinute, devices, WINDOW_MS);
    const [passes, leftMs] = answer as [number, number];
    if (passes === 1) return { pass: true };
    return { pass: false, wakeAt: leftMs >= 0 ? now + leftMs : null };
  }
}
