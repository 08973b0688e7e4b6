import { hash, randomFillSync } from 'node:crypto';

/** Ids 0 to `ids`-1 with 1.2 devices each, and groups 0 to `groups`-1 with 10 members each. */
export interface Population {
  readonly ids: number;
  readonly groups: number;
}

export type Platform = 'ios' | 'android' | 'huawei';

export interface BenchDevice {
  readonly token: string;
  readonly platform: Platform;
}

const MEMBERS_PER_GROUP = 10;
const EVERY_NTH_ID_HAS_TWO_DEVICES = 5;
const EVERY_NTH_DEVICE_IS_HUAWEI = 25;

/** `data` of this many bytes is 1,024 characters of base64. */
const DATA_BYTES = 768;
/** Base64 characters that hold the first six bytes. */
const SEQUENCE_CHARACTERS = 8;

// Everything follows from the number, so that the programs agree about a million ids without telling each other.
export const sessionIdOf = (id: number): string => `05${hash('sha256', `id ${id}`)}`;
export const groupIdOf = (group: number): string => `05${hash('sha256', `group ${group}`)}`;

export function devicesOf(id: number): BenchDevice[] {
  return Array.from({ length: deviceCountOf(id) }, (_, index) => {
    const number = id + index;
    const platform =
      number % EVERY_NTH_DEVICE_IS_HUAWEI === 0 ? 'huawei' : number % 2 === 0 ? ('android' as const) : 'ios';
    const digest = hash('sha256', `device ${id} ${index}`);
    return { platform, token: platform === 'ios' ? digest : `${digest.slice(0, 22)}:APA91b${digest.repeat(2)}` };
  });
}

export const deviceCountOf = (id: number): number => (id % EVERY_NTH_ID_HAS_TWO_DEVICES === 0 ? 2 : 1);

/** The members' numbers. */
export function membersOf(group: number, { ids }: Population): number[] {
  const members = Array.from({ length: MEMBERS_PER_GROUP }, (_, index) => (group * MEMBERS_PER_GROUP + index) % ids);
  return [...new Set(members)];
}

/** What a sender puts into `notify`: random, but for the number that tells the gateway which one it is. */
export function dataOf(sequence: number): string {
  const bytes = randomFillSync(Buffer.allocUnsafe(DATA_BYTES));
  bytes.writeUInt32BE(sequence);
  return bytes.toString('base64');
}

export const sequenceOf = (data: string): number =>
  Buffer.from(data.slice(0, SEQUENCE_CHARACTERS), 'base64').readUInt32BE();
