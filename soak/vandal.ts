import { ONION_PATHS } from '../src/onion/protocol/onion-client.js';
import { type SupervisedServer } from '../test/support/load/supervised-server.js';
import { malformedBodies } from '../test/support/malformed-bodies.js';

/** Somebody whose requests cannot be opened; each has to be refused with 400. */
export class Vandal {
  sent = 0;
  readonly problems: string[] = [];

  constructor(private readonly server: SupervisedServer) {}

  async act(): Promise<void> {
    const { onion, ended } = await this.server.life();
    const version = Math.random() < 0.5 ? 'v2' : 'v4';
    const bodies = malformedBodies(version, onion.serverPublicKey);
    const chosen = bodies[Math.floor(Math.random() * bodies.length)];
    if (!chosen) return;
    this.sent++;
    const answer = await onion.post(ONION_PATHS[version], chosen.body).catch(() => null);
    if (answer === null) await ended;
    else if (answer.status !== 400) this.problems.push(`HTTP ${answer.status} to ${chosen.what}`);
  }
}
