import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ReceivedPush } from '../gateways/recorder.js';
import { startSwarmNetwork, type SwarmNetwork } from '../gateways/swarm/network.js';
import { type Provider, startGateways, type TestGateways } from '../test/support/gateways.js';
import { spawnServer, type SpawnedServer } from '../test/support/spawned-server.js';

/** The stand-in push services, a stand-in network and the built server, in a folder that goes with them. */
export interface Stage extends SpawnedServer {
  readonly gateways: TestGateways;
  readonly network: SwarmNetwork;
  readonly folder: string;
  /** What the server was told from outside. */
  readonly environment: Readonly<Record<string, string>>;
  /** Who may see the statistics page. */
  readonly operator: { readonly name: string; readonly password: string };
  clear(): Promise<void>;
}

export async function setStage(onPush: (provider: Provider, push: ReceivedPush) => void): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'session-push-demo-'));
  const gateways = await startGateways(undefined, onPush);
  const network = await startSwarmNetwork();
  const tidy = async (): Promise<void> => {
    await Promise.all([gateways.close(), network.close()]);
    rmSync(folder, { recursive: true, force: true });
  };
  const operator = { name: 'operator', password: randomBytes(9).toString('base64url') };
  const environment = {
    DATABASE_URL: 'sqlite:demo.sqlite',
    STATISTICS_USERNAME: operator.name,
    STATISTICS_PASSWORD: operator.password,
    ...gateways.environment,
    ...network.environment,
  };
  try {
    const server = await spawnServer(environment, folder);
    const clear = async (): Promise<void> => {
      await server.process.stop();
      await tidy();
    };
    return { ...server, gateways, network, folder, environment, operator, clear };
  } catch (error) {
    await tidy();
    throw error;
  }
}
