import { Injectable } from '@nestjs/common';

/**
 * What an operator may want to hear about at once; emitted by the class that notices it. Names and codes only, never
 * anything about people.
 */
export type OperatorEvent =
  | { kind: 'provider-unhealthy'; provider: string; cause: string; reason: string; advice: string | null }
  | { kind: 'provider-working'; provider: string }
  | { kind: 'servers-fail'; provider: string; /** Of the servers that devices chose. */ failing: number; of: number }
  | { kind: 'servers-work'; provider: string }
  | { kind: 'brake-engaged'; provider: string }
  | { kind: 'brake-lifted'; provider: string }
  | { kind: 'queue-late'; oldestAgeMs: number; count: number }
  | { kind: 'queue-caught-up' }
  | { kind: 'clock-jumped'; /** ahead, or back when it is negative */ byMs: number }
  | { kind: 'set-aside'; /** notifications that processes died of */ count: number }
  | { kind: 'certificate-expires'; provider: string; /** UTC epoch milliseconds */ expiresAt: number; daysLeft: number }
  | { kind: 'credential-refused'; provider: string; /** A sentence that names the variable. */ problem: string }
  | { kind: 'backup-failed'; reason: string }
  | { kind: 'disk-low'; freeMiB: number; /** New registrations are refused. */ refusesGrowth: boolean }
  | { kind: 'disk-roomy' }
  | { kind: 'redis-unsafe'; reason: string }
  | { kind: 'redis-safe' }
  | { kind: 'coverage-low'; /** Accounts that at least one node reports of. */ percent: number }
  | { kind: 'coverage-restored'; percent: number }
  | { kind: 'node-list-old'; ageMs: number }
  | { kind: 'node-list-fresh' }
  | { kind: 'node-sources-fail'; /** By the name of the source. */ failures: Readonly<Record<string, string>> }
  | { kind: 'node-sources-answer' }
  | { kind: 'node-set-aside'; /** Its public key. */ node: string; reason: string; minutes: number }
  | { kind: 'swarm-key-shared' }
  | { kind: 'swarm-key-own' }
  | { kind: 'passwords-guessed'; /** Since the last such event. */ count: number };

type Listener = (event: OperatorEvent) => void;

/** Carries events from the classes that notice something to the alerts and the log. Listeners must not throw or wait. */
@Injectable()
export class OperatorEvents {
  private readonly listeners: Listener[] = [];

  emit(event: OperatorEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  on(listener: Listener): void {
    this.listeners.push(listener);
  }
}
