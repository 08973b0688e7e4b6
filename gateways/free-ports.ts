import { once } from 'node:events';
import { createServer } from 'node:net';

/** Which port cannot be had, and why, as a sentence. */
export class UnusablePort extends Error {}

/** Throws for the first port of the loopback that cannot be listened on. */
export async function assertPortsFree(ports: readonly (readonly [listener: string, port: number])[]): Promise<void> {
  for (const [listener, port] of ports) {
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why = code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${String(code)})`;
      throw new UnusablePort(`Port ${port}, for ${listener}, ${why}; choose another --port-base.`, { cause: error });
    }
    server.close();
    await once(server, 'close');
  }
}
