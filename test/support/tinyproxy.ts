import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { findProgram, freePort, startGuarded } from './private-server.js';

/** Null where it is not installed. */
export const TINYPROXY = findProgram('tinyproxy');

export interface Tinyproxy {
  readonly url: string;
  /** What it was asked to connect to, in the order of the questions. */
  readonly asked: () => string[];
  readonly stop: () => Promise<void>;
}

/** Debian's tinyproxy on the loopback, with a login: a CONNECT proxy that others wrote. */
export async function startTinyproxy(program: string): Promise<Tinyproxy> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-tinyproxy-'));
  const port = await freePort();
  const settings = join(folder, 'tinyproxy.conf');
  writeFileSync(
    settings,
    ['Listen 127.0.0.1', `Port ${port}`, 'BasicAuth me secret', 'LogLevel Connect', 'Timeout 60\n'].join('\n'),
  );
  const log = join(folder, 'log');
  const server = startGuarded([program, '-d', '-c', settings], folder, log);
  await vi.waitFor(() => reach(port), { timeout: 20_000, interval: 20 });
  const asked = () => [...readFileSync(log, 'utf8').matchAll(/ CONNECT (\S+) HTTP/g)].map(([, host = '']) => host);
  return { url: `http://me:secret@127.0.0.1:${port}`, asked, stop: () => server.stop() };
}

const reach = (port: number) =>
  new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
