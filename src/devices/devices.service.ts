import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { type Merge, upsert } from '../database/dialect.js';
import { inPowersOfTwo, placeholders } from '../database/statement-sizes.js';
import { byStorageOrder, byColumn, sumInPages } from '../database/table-pages.js';
import { bindDevice, isBound } from '../sealing/bound-device.js';
import { DamagedRows } from '../sealing/damaged-rows.js';
import { Sealing, type StoredId, type StoredToken } from '../sealing/sealing.js';
import { Device, DEVICE_TYPES, type DeviceType } from './device.entity.js';
import { SuspectToken } from './suspect-token.entity.js';
import { type Sealed } from './seal-registration.js';

/** Bound on the work that one notification can cause. */
export const MAX_DEVICES_PER_SESSION_ID = 100;

/** A registration further in the future than this was stored by a clock that was wrong, and counts no more. */
const MAX_CLOCK_SKEW_MS = 10 * 60_000;

const SUMS_BY_TYPE = Object.fromEntries(DEVICE_TYPES.map((type) => [type, `SUM(device_type = '${type}')`])) as Record<
  DeviceType,
  string
>;

/** Another process may have registered the token in this very millisecond, or by a clock that is ahead of ours. */
const RISING: Merge = {
  column: 'registered_at',
  value: ({ fresh, stored, greater }) => {
    const [next, last] = [fresh('registered_at'), stored('registered_at')];
    return `CASE WHEN ${last} > ${next} + ${MAX_CLOCK_SKEW_MS} THEN ${next} ELSE ${greater(next, `${last} + 1`)} END`;
  },
};

/** What one provider accepted is nothing to another. */
const KEPT_FOR_ITS_PROVIDER: Merge = {
  column: 'accepted_at',
  value: ({ fresh, stored }) =>
    `CASE WHEN ${stored('device_type')} = ${fresh('device_type')} THEN ${stored('accepted_at')} ELSE NULL END`,
};

/** A device as far as pushes need it. */
export interface ReachableDevice {
  token: StoredToken;
  deviceType: DeviceType;
  registeredAt: number;
  apnsEnvironment: Device['apnsEnvironment'];
  acceptedAt: number | null;
}

interface ReachableRow {
  session_id: StoredId;
  token: StoredToken;
  device_type: DeviceType;
  registered_at: number | string;
  apns_environment: Device['apnsEnvironment'];
  accepted_at: number | string | null;
  binding: string | null;
}

export interface DeviceCounts {
  byType: Record<DeviceType, number>;
  sessionIds: number;
}

/** A token as it was when a push was sent to it; removal compares it with what is stored now. */
export interface TokenSnapshot {
  token: StoredToken;
  registeredAt: number;
}

/** The registry of device tokens. */
@Injectable()
export class DevicesService {
  private latestRegistration = 0;
  private readonly damaged = new DamagedRows(
    new Logger(DevicesService.name),
    'stored devices were put together by somebody else and are left out',
  );

  constructor(
    @InjectRepository(Device) private readonly devices: Repository<Device>,
    private readonly writer: DatabaseWriter,
    private readonly sealing: Sealing,
  ) {}

  /**
   * Stores or refreshes a token, moving it from whatever id had it before. Of an id that has too many the one with the
   * least standing goes: nobody can keep the owner's phone out, and the answer tells nothing about the others.
   */
  async save(manager: EntityManager, registration: Sealed, legacyGroupsOnly: boolean): Promise<void> {
    const { token, sessionId, deviceType } = registration;
    const { others, isSuspect } = await this.findBeside(manager, sessionId, token);
    if (others >= MAX_DEVICES_PER_SESSION_ID) {
      await this.makeRoom(manager, sessionId, token, others - MAX_DEVICES_PER_SESSION_ID + 1);
    }
    const row = {
      token,
      session_id: sessionId,
      // Before the type, which decides about it.
      accepted_at: null,
      device_type: deviceType,
      legacy_groups_only: legacyGroupsOnly ? 1 : 0,
      registered_at: this.nextRegistrationTime(),
      apns_environment: null,
      binding: bindDevice(this.sealing, registration),
    };
    await upsert(manager, 'devices', row, [KEPT_FOR_ITS_PROVIDER, RISING]);
    if (isSuspect) await manager.query('DELETE FROM suspect_tokens WHERE token = ?', [token]);
  }

  /** How many other devices the id has, and whether the token is under suspicion: one question, for it is asked for each registration. */
  private async findBeside(
    manager: EntityManager,
    sessionId: string,
    token: string,
  ): Promise<{ others: number; isSuspect: boolean }> {
    const [row] = await manager.query<{ others: number | string; suspects: number | string }[]>(
      `SELECT (SELECT COUNT(*) FROM devices WHERE session_id = ? AND token <> ?) AS others,
              (SELECT COUNT(*) FROM suspect_tokens WHERE token = ?) AS suspects`,
      [sessionId, token, token],
    );
    return { others: Number(row?.others ?? 0), isSuspect: Number(row?.suspects ?? 0) > 0 };
  }

  /** Never accepted by its provider, of unknown type, registered for longest: in this order. */
  private async makeRoom(manager: EntityManager, sessionId: string, token: string, count: number): Promise<void> {
    const least = await manager.query<{ token: string }[]>(
      `SELECT token FROM devices WHERE session_id = ? AND token <> ?
        ORDER BY accepted_at IS NOT NULL, device_type <> 'unknown', registered_at LIMIT ?`,
      [sessionId, token, count],
    );
    for (const table of ['devices', 'suspect_tokens']) {
      for (const one of least) await manager.query(`DELETE FROM ${table} WHERE token = ?`, [one.token]);
    }
  }

  /** The devices of these ids that are registered for everything; ids without any are left out. Null: more than `max`. */
  findRegisteredInFull(ids: readonly StoredId[], max: number): Promise<Map<StoredId, ReachableDevice[]> | null> {
    return this.find(ids, max, 'AND legacy_groups_only = 0');
  }

  /** The devices of these ids, also those that are registered for groups only; ids without any are left out. Null: more than `max`. */
  findAll(ids: readonly StoredId[], max: number): Promise<Map<StoredId, ReachableDevice[]> | null> {
    return this.find(ids, max, '');
  }

  /** The devices of these ids that are of this type. */
  async findOfType(ids: readonly StoredId[], deviceType: DeviceType): Promise<Map<StoredId, ReachableDevice[]>> {
    return (await this.find(ids, Infinity, `AND device_type = '${deviceType}'`)) ?? new Map();
  }

  /**
   * False: no such token.
   *
   * @param iosToken what a device for iOS with this token is called; null = it cannot be one
   */
  async remove(token: StoredToken, iosToken: StoredToken | null = null): Promise<boolean> {
    return this.writer.write(async (manager) => {
      const removed = [await this.forget(manager, { token })];
      if (iosToken !== null && iosToken !== token) {
        removed.push(await this.forget(manager, { token: iosToken, deviceType: 'ios' }));
      }
      return removed.includes(true);
    });
  }

  private async forget(manager: EntityManager, device: { token: StoredToken; deviceType?: 'ios' }): Promise<boolean> {
    const removed = ((await manager.delete(Device, device)).affected ?? 0) > 0;
    if (removed || device.deviceType === undefined) await manager.delete(SuspectToken, { token: device.token });
    return removed;
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

  /** Keeps in mind that their provider accepts these tokens, unless they were registered again since. */
  async rememberAccepted(tokens: readonly TokenSnapshot[], acceptedAt: number): Promise<void> {
    // In one order, so that two processes do not wait for each other.
    const ordered = tokens.toSorted((one, other) => (one.token < other.token ? -1 : 1));
    await this.writer.write(async (manager) => {
      for (const { token, registeredAt } of ordered) {
        await manager.query('UPDATE devices SET accepted_at = ? WHERE token = ? AND registered_at = ?', [
          acceptedAt,
          token,
          registeredAt,
        ]);
      }
    });
  }

  async count(): Promise<DeviceCounts> {
    const { manager } = this.devices;
    const byType = await sumInPages(manager, 'devices', byStorageOrder(manager, 'token'), 'device_type', SUMS_BY_TYPE);
    // What the next page leaves out are further devices of the id that ends a page.
    const ids = { sessionIds: 'COUNT(DISTINCT session_id)' };
    return { byType, ...(await sumInPages(manager, 'devices', byColumn('session_id'), 'session_id', ids)) };
  }

  /** Devices of unknown type, which no provider reaches, are left out and not counted. Null: there are more than `max`. */
  private async find(
    ids: readonly StoredId[],
    max: number,
    condition: string,
  ): Promise<Map<StoredId, ReachableDevice[]> | null> {
    const found = new Map<StoredId, ReachableDevice[]>();
    let count = 0;
    for (const piece of inPowersOfTwo(ids)) {
      const limit = max === Infinity ? [] : [max - count + 1];
      const rows = await this.devices.query<ReachableRow[]>(
        `SELECT session_id, token, device_type, registered_at, apns_environment, accepted_at, binding
           FROM devices WHERE session_id IN (${placeholders(piece.length)}) AND device_type <> 'unknown' ${condition}
           ${limit.map(() => 'LIMIT ?').join('')}`,
        [...piece, ...limit],
      );
      count += rows.length;
      if (count > max) return null;
      for (const row of rows) {
        if (!this.isUsable(row)) continue;
        const others = found.get(row.session_id);
        if (others) others.push(toDevice(row));
        else found.set(row.session_id, [toDevice(row)]);
      }
    }
    return found;
  }

  /** A token that nobody can open goes on its way: whoever is to send it finds out, and it is removed. */
  private isUsable({ token, session_id, device_type, binding }: ReachableRow): boolean {
    if (isBound(this.sealing, { token, sessionId: session_id, deviceType: device_type }, binding)) return true;
    if (this.sealing.open(token) === null) return true;
    this.damaged.note();
    return false;
  }

  /** Rising, so that a registration is never mistaken for the one before it, even when the clock steps back a little. */
  private nextRegistrationTime(): number {
    const now = Date.now();
    const next = this.latestRegistration + 1;
    this.latestRegistration = next - now > MAX_CLOCK_SKEW_MS ? now : Math.max(now, next);
    return this.latestRegistration;
  }
}

function toDevice(row: ReachableRow): ReachableDevice {
  return {
    token: row.token,
    deviceType: row.device_type,
    registeredAt: Number(row.registered_at),
    apnsEnvironment: row.apns_environment,
    acceptedAt: row.accepted_at === null ? null : Number(row.accepted_at),
  };
}
