import { request } from 'node:http';
import { type JsonObject } from '../../src/encoding/json.js';
import { type OnionReply, openReply } from '../../src/onion/protocol/onion-client.js';
import { type OnionHttpClient } from './onion-http.js';
import { ServerProcess, type SpawnedServer } from './spawned-server.js';

/** Starts the built server in a role that takes onion requests or not; both share the given folder. */
export async function spawnInstance(
  env: Readonly<Record<string, string>>,
  folder: string,
): Promise<Omit<SpawnedServer, 'onion'>> {
  const server = new ServerProcess(env, folder);
  return { process: server, start: await server.listening() };
}

/**
 * A load balancer with a service node in front: asks one server after the other until one takes the connection. What
 * a server took it has to answer.
 */
export class LoadBalancer {
  private next = 0;

  constructor(private readonly servers: () => readonly OnionHttpClient[]) {}

  async send(endpoint: string, args: JsonObject): Promise<OnionReply> {
    const servers = this.servers();
    for (let tries = 0; tries < 2 * servers.length; tries++) {
      const server = servers[this.next++ % servers.length];
      if (!server) break;
      const { path, body, context } = server.seal(endpoint, args);
      const answer = await post(`${server.url}${path}`, body);
      if (answer === 'refused') continue;
      if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`);
      return openReply(context, answer.body);
    }
    throw new Error('No server takes connections.');
  }
}

/** On a connection of its own, so that it is known whether the server took it. */
function post(url: string, body: Buffer): Promise<'refused' | { status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method: 'POST', agent: false });
    asking.on('response', (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts) }));
    });
    asking.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' ? resolve('refused') : reject(error),
    );
    asking.end(body);
  });
}

/** Repeats `step` in several places at once until it is ended; whatever failed meanwhile shows then. */
export function repeat(places: number, step: (place: number) => Promise<void>): { end(): Promise<void> } {
  const ended = new AbortController();
  const loops = Promise.all(
    Array.from({ length: places }, async (_, place) => {
      while (!ended.signal.aborted) await step(place);
    }),
  );
  loops.catch(() => undefined);
  return {
    end: async () => {
      ended.abort();
      await loops;
    },
  };
}
