import { LRUCache } from 'lru-cache';
import { type DeliveryTuning } from '../delivery-tuning.js';

const MAX_DEVICES = 50_000;

/** What becomes of a push for a device: `later` = without content, so many milliseconds from now. */
export type DeviceDecision =
  { kind: 'send' | 'send-without-content' | 'collapse' } | { kind: 'send-later'; afterMs: number };

interface Bucket {
  /** Pushes with content that may go now. */
  tokens: number;
  /** When they were counted last. */
  at: number;
}

interface Device {
  readonly own: Bucket;
  readonly ofGroups: Bucket;
  /** When the last push without content went, or when the one that is put off goes. */
  wakeupAt: number;
}

/**
 * Bounds what one phone shows, whomever it is sent to: a phone may be in any number of groups, and anybody may put it
 * there. A burst goes out whole, then a few a minute; above that the phone is woken without content every few seconds,
 * and fetches the rest. What comes through groups has a share of its own, so that a flood there takes nothing from what
 * is sent to the phone's owner. Times are those of `performance.now()`.
 */
export class DeviceBound {
  /** Made when first needed: it takes the memory for all devices at once. */
  private devices: LRUCache<string, Device> | null = null;

  constructor(private readonly tuning: DeliveryTuning) {}

  take(token: string, isThroughGroup: boolean, now: number): DeviceDecision {
    this.devices ??= new LRUCache({ max: MAX_DEVICES });
    let device = this.devices.get(token);
    if (!device) {
      const full = (): Bucket => ({ tokens: this.tuning.deviceBurst, at: now });
      device = { own: full(), ofGroups: full(), wakeupAt: -Infinity };
      this.devices.set(token, device);
    }
    if (this.takeFrom(isThroughGroup ? device.ofGroups : device.own, now)) return { kind: 'send' };
    return this.wakeUp(device, now);
  }

  private takeFrom(bucket: Bucket, now: number): boolean {
    const { deviceBurst, devicePushesPerMinute } = this.tuning;
    const grown = bucket.tokens + ((now - bucket.at) * devicePushesPerMinute) / 60_000;
    bucket.tokens = Math.min(deviceBurst, grown);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  /** Never nothing: what comes while the phone is left alone is followed by one more. */
  private wakeUp(device: Device, now: number): DeviceDecision {
    if (now < device.wakeupAt) return { kind: 'collapse' };
    const next = device.wakeupAt + this.tuning.deviceWakeupMs;
    device.wakeupAt = Math.max(now, next);
    return now >= next ? { kind: 'send-without-content' } : { kind: 'send-later', afterMs: next - now };
  }
}
