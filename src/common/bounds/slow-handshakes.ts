import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';

/** Two addresses fit into the time that a connection may take to be made. */
const PER_ADDRESS_MS = 2000;

/**
 * A host with several addresses, of IPv4 and IPv6 often, is tried at one after the other. Node gives each 250 ms by
 * itself: over a slow link, or to another continent, no address ever answers in time. For every connection of this process.
 */
export function waitForSlowHandshakes(): void {
  setDefaultAutoSelectFamilyAttemptTimeout(PER_ADDRESS_MS);
}
