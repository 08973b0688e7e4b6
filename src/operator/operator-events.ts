import { Injectable } from '@nestjs/common';

/**
 * What an operator may want to hear about at once. Whoever notices it emits it and knows nothing about who listens.
 * Names and codes only, never anything about people.
 */
export type OperatorEvent =
  | { kind: 'provider-unhealthy'; provider: string; cause: string; reason: string; advice: string | null }
  | { kind: 'provider-working'; provider: string }
  | { kind: 'brake-engaged'; provider: string }
  | { kind: 'brake-lifted'; provider: string }
  | { kind: 'queue-late'; oldestAgeMs: number; count: number }
  | { kind: 'queue-caught-up' }
  | { kind: 'certificate-ends'; provider: string; /** UTC epoch milliseconds */ expiresAt: number; daysLeft: number }
  | { kind: 'backup-failed'; reason: string };

type Listener = (event: OperatorEvent) => void;

/** Carries events from where something is noticed to whoever tells the operator. Listeners must not throw or wait. */
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
