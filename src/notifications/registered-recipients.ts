import { Injectable } from '@nestjs/common';
import { ClosedGroupsService } from '../closed-groups/closed-groups.service.js';
import { type DeviceType } from '../devices/device.entity.js';
import { DevicesService, type ReachableDevice } from '../devices/devices.service.js';
import { type RecipientPage, RecipientResolver, type Recipients } from '../delivery/recipient-resolver.js';
import { type Provider, type StoredTarget } from '../providers/push-transport.js';
import { type StoredId } from '../sealing/sealing.js';
import { type Counter } from '../statistics/statistics-counts.js';

/** The provider of each type of device; none delivers to a device of unknown type. */
const PROVIDER_OF: Readonly<Record<DeviceType, Provider | null>> = {
  ios: 'apns',
  android: 'fcm',
  huawei: 'huawei',
  unknown: null,
};
/** Null: no device of the legacy API is reached through it. */
const TYPE_AT: Readonly<Record<Provider, DeviceType | null>> = {
  apns: 'ios',
  fcm: 'android',
  huawei: 'huawei',
  webpush: null,
};

/** More devices than that are looked up page by page. Apps cap a group at 100 members, most of whom have one phone. */
const LARGE_RECIPIENT = 256;

/** Members of a group whose devices are looked up together. */
const MEMBERS_PER_PAGE = 50;

/** Of each member of a large group: those with the best standing, which is more than anybody has phones. */
const MAX_DEVICES_PER_MEMBER = 10;

/**
 * Whom a `notify` goes to: an id's own devices that are registered in full, and, when a closed group has this id, all
 * devices of its members, whatever they are registered for. An id that has neither is untracked. A group's id that
 * somebody registers a device for is both, so that this silences nobody.
 */
@Injectable()
export class RegisteredRecipients extends RecipientResolver {
  constructor(
    private readonly devices: DevicesService,
    private readonly closedGroups: ClosedGroupsService,
  ) {
    super();
  }

  override async find(ids: readonly StoredId[], maxDevices: number): Promise<Map<StoredId, Recipients>> {
    for (let some = ids; some.length > 1; some = some.slice(0, Math.ceil(some.length / 2))) {
      const found = await this.findAll(some, maxDevices);
      if (found) return found;
    }
    const [id] = ids;
    if (id === undefined) return new Map();
    const found = await this.findAll([id], LARGE_RECIPIENT);
    return found ?? new Map([[id, { targets: 'large', counters: await this.countersOf(id) }]]);
  }

  override async page(id: StoredId, provider: Provider, from: string): Promise<RecipientPage> {
    const deviceType = TYPE_AT[provider];
    if (deviceType === null) return { targets: [], leftOut: 0, next: null };
    const members = await this.closedGroups.membersAfter(id, from, MEMBERS_PER_PAGE);
    const devices = await this.devices.findOfType(members, deviceType);
    const own = from === '' ? await this.devices.findRegisteredInFull([id], Infinity) : undefined;
    const ofMembers = members.map((member) => devices.get(member) ?? []);
    const kept = ofMembers.flatMap((list) => list.toSorted(byStanding).slice(0, MAX_DEVICES_PER_MEMBER));
    const mine = (own?.get(id) ?? []).filter((device) => device.deviceType === deviceType);
    return {
      targets: toTargets(mine, kept).get(provider) ?? [],
      leftOut: ofMembers.reduce((sum, list) => sum + Math.max(0, list.length - MAX_DEVICES_PER_MEMBER), 0),
      next: members.length < MEMBERS_PER_PAGE ? null : (members.at(-1) ?? null),
    };
  }

  /** Three queries for all at most; null when there are more devices, or more members, than `max` in sum. */
  private async findAll(ids: readonly StoredId[], max: number): Promise<Map<StoredId, Recipients> | null> {
    const own = await this.devices.findRegisteredInFull(ids, max);
    // A single group is not too large because of its members, of whom few may have a device.
    const groups = own && (await this.closedGroups.membersOf(ids, ids.length === 1 ? Infinity : max));
    const members = groups && (await this.devices.findAll([...new Set([...groups.values()].flat())], max));
    if (!members) return null;
    const found = ids.map((id): [StoredId, Recipients] => {
      const [mine, group] = [own.get(id), groups.get(id)];
      const devices = (group ?? []).flatMap((member) => members.get(member) ?? []);
      const counter = mine ? 'oneToOneMessages' : group ? 'closedGroupMessages' : 'untrackedMessages';
      const isLarge = (mine ?? []).length + devices.length > LARGE_RECIPIENT;
      return [id, { targets: isLarge ? 'large' : toTargets(mine ?? [], devices), counters: countersFor(counter) }];
    });
    return new Map(found);
  }

  private async countersOf(id: StoredId): Promise<readonly Counter[]> {
    // Null = the id has devices: it is a Session id and no group.
    const own = await this.devices.findRegisteredInFull([id], 0);
    return countersFor(own === null ? 'oneToOneMessages' : 'closedGroupMessages');
  }
}

const countersFor = (counter: Counter): readonly Counter[] => ['totalMessages', counter];

/** Accepted by its provider before, then the newest. */
function byStanding(one: ReachableDevice, other: ReachableDevice): number {
  const [isKnown, isOtherKnown] = [one.acceptedAt !== null, other.acceptedAt !== null];
  return Number(isOtherKnown) - Number(isKnown) || other.registeredAt - one.registeredAt;
}

/** Each device once, however it is reached. */
function toTargets(
  own: readonly ReachableDevice[],
  ofMembers: readonly ReachableDevice[],
): Map<Provider, StoredTarget[]> {
  const targets = new Map<Provider, Map<string, StoredTarget>>();
  const add = (
    { deviceType, token, registeredAt, apnsEnvironment, acceptedAt }: ReachableDevice,
    how: Pick<StoredTarget, 'isThroughGroup'>,
  ): void => {
    const provider = PROVIDER_OF[deviceType];
    if (provider === null) return;
    const ofProvider = targets.get(provider) ?? new Map<string, StoredTarget>();
    targets.set(provider, ofProvider);
    if (!ofProvider.has(token)) ofProvider.set(token, { token, registeredAt, apnsEnvironment, acceptedAt, ...how });
  };
  for (const device of own) add(device, {});
  for (const device of ofMembers) add(device, { isThroughGroup: true });
  return new Map([...targets].map(([provider, byToken]) => [provider, [...byToken.values()]]));
}
