import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { countRows, upsert } from '../database/dialect.js';
import { asStored, by, sumInPages } from '../database/table-pages.js';
import { Device, DEVICE_TYPES, type DeviceType } from './device.entity.js';
import { SuspectToken } from './suspect-token.entity.js';
import { type Registration } from './dto/device-commands.dto.js';

/** Bound on the work that one notification can cause. */
export const MAX_DEVICES_PER_SESSION_ID = 100;

/** A registration further in the future than this was stored by a clock that was wrong, and counts no more. */
const MAX_CLOCK_SKEW_MS = 10 * 60_000;

const SUMS_BY_TYPE = Object.fromEntries(DEVICE_TYPES.map((type) => [type, `SUM(device_type = '${type}')`])) as Record<
  DeviceType,
  string
>;

export interface DeviceCounts {
  byType: Record<DeviceType, number>;
  sessionIds: number;
}

/** A token as it was when a push was sent to it; removal compares it with what is stored now. */
export interface TokenSnapshot {
  token: string;
  registeredAt: number;
}

/** The registry of device tokens. */
@Injectable()
export class DevicesService {
  private latestRegistration = 0;

  constructor(
    @InjectRepository(Device) private readonly devices: Repository<Device>,
    private readonly writer: DatabaseWriter,
  ) {}

  /**
   * Stores or refreshes a token, moving it from whatever id had it before.
   * False: the id has too many devices already, and nothing was changed.
   */
  async save(manager: EntityManager, registration: Registration, legacyGroupsOnly: boolean): Promise<boolean> {
    const { token, sessionId, deviceType } = registration;
    const others = await countRows(
      manager,
      'SELECT COUNT(*) AS count FROM devices WHERE session_id = ? AND token <> ?',
      [sessionId, token],
    );
    if (others >= MAX_DEVICES_PER_SESSION_ID) return false;
    const row = {
      token,
      session_id: sessionId,
      device_type: deviceType,
      legacy_groups_only: legacyGroupsOnly ? 1 : 0,
      registered_at: this.nextRegistrationTime(),
      apns_environment: null,
    };
    // Another process may have registered the token in this very millisecond, or by a clock that is ahead of ours.
    await upsert(manager, 'devices', row, { column: 'registered_at', within: MAX_CLOCK_SKEW_MS });
    await manager.query('DELETE FROM suspect_tokens WHERE token = ?', [token]);
    return true;
  }

  /** False: no such token. */
  async remove(token: string): Promise<boolean> {
    return this.writer.write(async (manager) => {
      await manager.delete(SuspectToken, { token });
      return ((await manager.delete(Device, { token })).affected ?? 0) > 0;
    });
  }

  /** Removes those tokens that were not registered again since; returns those that were, and stay. */
  async removeUnchanged<Snapshot extends TokenSnapshot>(tokens: readonly Snapshot[]): Promise<Snapshot[]> {
    return this.writer.write(async (manager) => {
      const stay: Snapshot[] = [];
      for (const snapshot of tokens) {
        const { token, registeredAt } = snapshot;
        await manager.delete(Device, { token, registeredAt });
        await manager.delete(SuspectToken, { token });
        if (await manager.existsBy(Device, { token })) stay.push(snapshot);
      }
      return stay;
    });
  }

  /** Keeps in mind which APNs environment accepts a token, unless the token was registered again since. */
  async rememberApnsEnvironment(
    { token, registeredAt }: TokenSnapshot,
    environment: 'production' | 'sandbox',
  ): Promise<void> {
    await this.writer.write((manager) =>
      manager.update(Device, { token, registeredAt }, { apnsEnvironment: environment }),
    );
  }

  async count(): Promise<DeviceCounts> {
    const { manager } = this.devices;
    const byType = await sumInPages(manager, 'devices', asStored(manager, 'token'), 'device_type', SUMS_BY_TYPE);
    // What the next page leaves out are further devices of the id that ends a page.
    const ids = { sessionIds: 'COUNT(DISTINCT session_id)' };
    return { byType, ...(await sumInPages(manager, 'devices', by('session_id'), 'session_id', ids)) };
  }

  /** Rising, so that a registration is never mistaken for the one before it, even when the clock steps back a little. */
  private nextRegistrationTime(): number {
    const now = Date.now();
    const next = this.latestRegistration + 1;
    this.latestRegistration = next - now > MAX_CLOCK_SKEW_MS ? now : Math.max(now, next);
    return this.latestRegistration;
  }
}
