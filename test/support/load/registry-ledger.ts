/**
 * One fact that the server stores: a key, and its value or `null` when it is not there.
 * Keys are made by {@link deviceKey}, {@link memberKey} and {@link groupKey}.
 */
export interface Change {
  readonly key: string;
  readonly value: string | null;
}

export const deviceKey = (token: string): string => `device ${token}`;
export const memberKey = (group: string, id: string): string => `member ${group} ${id}`;
export const groupKey = (group: string): string => `group ${group}`;

export const deviceValue = (sessionId: string, deviceType: string, legacyGroupsOnly: boolean): string =>
  `${sessionId} ${deviceType} ${legacyGroupsOnly ? 'legacy groups only' : 'in full'}`;

/** The value of everything that is only there or not. */
export const PRESENT = 'present';

/**
 * What the server may have stored. A change that was asked for may have happened; one that was acknowledged has.
 * Whoever changes a key waits for the answer, or for the end of the process, before changing it again.
 */
export class RegistryLedger {
  private readonly possible = new Map<string, Set<string | null>>();

  asked(changes: readonly Change[]): void {
    for (const { key, value } of changes) this.valuesOf(key).add(value);
  }

  acknowledged(changes: readonly Change[]): void {
    for (const { key, value } of changes) this.possible.set(key, new Set([value]));
  }

  mayBeThere(key: string): boolean {
    return [...this.valuesOf(key)].some((value) => value !== null);
  }

  mayBeAbsent(key: string): boolean {
    return this.valuesOf(key).has(null);
  }

  /** One sentence per difference, without the ids and tokens. */
  differences(stored: ReadonlyMap<string, string>): string[] {
    const found: string[] = [];
    for (const [key, values] of this.possible) {
      const value = stored.get(key) ?? null;
      if (!values.has(value)) {
        found.push(`a ${kindOf(key)} is ${word(value)} and was acknowledged as ${[...values].map(word).join(' or ')}`);
      }
    }
    for (const key of stored.keys()) if (!this.possible.has(key)) found.push(`a ${kindOf(key)} that nobody asked for`);
    return found;
  }

  private valuesOf(key: string): Set<string | null> {
    const known = this.possible.get(key);
    if (known) return known;
    const fresh = new Set<string | null>([null]);
    this.possible.set(key, fresh);
    return fresh;
  }
}

const kindOf = (key: string): string => key.slice(0, key.indexOf(' '));
const word = (value: string | null): string => (value === null ? 'absent' : value.slice(value.indexOf(' ') + 1));
