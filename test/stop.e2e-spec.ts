import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken, newData, newId, newIosToken } from './support/people.js';
import { query } from './support/query.js';
import { inFolder, ServerProcess, type SpawnedServer, spawnServer } from './support/spawned-server.js';

/** The exit code; null = killed. */
async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exit = once(child, 'exit');
  child.kill(signal);
  const [code] = (await exit) as [number | null];
  return code;
}

describeOneDatabase('a stop', (databases) => {
  let gateways: TestGateways;
  let database: string;
  beforeAll(async () => {
    gateways = await startGateways();
  });
  afterEach(() => gateways.reset());
  afterAll(() => gateways.close());

  const withServer = (use: (server: SpawnedServer) => Promise<void>) =>
    inFolder(async (folder) => {
      database = await databases.create();
      const server = await spawnServer({ ...gateways.environment, DATABASE_URL: database }, folder);
      try {
        await use(server);
      } finally {
        await server.process.stop('SIGKILL');
      }
    });

  it.each(['1', '2'])(
    'that comes before the server listens ends with 0 and says so, with WORKERS=%s',
    async (WORKERS) => {
      await inFolder(async (folder) => {
        database = await databases.create();
        const server = new ServerProcess({ ...gateways.environment, DATABASE_URL: database, WORKERS }, folder);
        while (!existsSync(join(folder, 'data'))) await sleep(5);
        const { code, stdout } = await server.stop();
        expect(stdout).toContain('"msg":"stopping"');
        expect(stdout).toContain('"msg":"stopped"');
        expect(code).toBe(0);
      });
    },
  );

  it('is not what SIGUSR1 and SIGUSR2 do, nor do they open anything', async () => {
    await withServer(async ({ process: server, onion }) => {
      server.child.kill('SIGUSR1');
      server.child.kill('SIGUSR2');
      await sleep(500);
      expect((await onion.send('register', { pubKey: newId(), token: newIosToken() })).body).toMatchObject({ code: 1 });
      expect(server.stderr).not.toContain('Debugger');
      const inspector = connect(9229, '127.0.0.1');
      const opened = await Promise.race([
        once(inspector, 'connect').then(() => true),
        once(inspector, 'error').then(() => false),
      ]).catch(() => false);
      inspector.destroy();
      expect(opened).toBe(false);
    });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('by %s ends with 0 within 10 s (fix 13)', async (signal) => {
    await withServer(async ({ process }) => {
      const began = Date.now();
      const { code, stdout } = await process.stop(signal);
      expect(code).toBe(0);
      expect(Date.now() - began).toBeLessThan(10_000);
      expect(stdout).toContain('"msg":"stopped"');
    });
  });

  it('answers the requests in flight and finishes the sends under way', async () => {
    await withServer(async ({ process, onion }) => {
      const id = newId();
      await onion.send('register', { pubKey: id, token: newIosToken() });
      gateways.apns.latencyMs = 1000;
      await onion.send('notify', { send_to: id, data: newData() });
      await gateways.apns.waitForPush(1);
      const inFlight = Array.from({ length: 50 }, () =>
        onion.send('register', { pubKey: newId(), token: newAndroidToken() }),
      );
      await sleep(5);
      process.child.kill('SIGTERM');
      const answers = await Promise.allSettled(inFlight);
      const { code } = await process.exit;
      expect(code).toBe(0);
      const answered = answers.filter(({ status }) => status === 'fulfilled').length;
      // What had reached the server is answered, and what it answered is stored.
      expect(answered).toBeGreaterThan(0);
      const [row] = await query(database, 'SELECT COUNT(*) AS stored FROM devices');
      expect(Number(row?.['stored'])).toBeGreaterThanOrEqual(answered + 1);
      expect(gateways.apns.counts.outcomes).toEqual({ 200: 1 });
      expect(await query(database, 'SELECT id FROM queued_notifications')).toEqual([]);
    });
  });

  it('does not wait for a client that never finishes its request', async () => {
    await withServer(async ({ process, start }) => {
      const { hostname, port } = new URL(start.address);
      const half = connect(Number(port), hostname);
      half.on('error', () => {});
      half.write('POST /oxen/v4/lsrpc HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf');
      const silent = connect(Number(port), hostname);
      silent.on('error', () => {});
      await once(silent, 'connect');
      await sleep(100);
      const began = Date.now();
      const { code } = await process.stop();
      expect(code).toBe(0);
      expect(Date.now() - began).toBeLessThan(10_000);
    });
  });

  it('ends with 0 while requests are half sent and every provider stalls', async () => {
    await withServer(async ({ process, onion, start }) => {
      const id = newId();
      for (const token of [newIosToken(), newAndroidToken()]) await onion.send('register', { pubKey: id, token });
      gateways.apns.latencyMs = 30_000;
      gateways.fcm.latencyMs = 30_000;
      await onion.send('notify', { send_to: id, data: newData() });
      await sleep(500);
      const { hostname, port } = new URL(start.address);
      for (let count = 0; count < 20; count++) {
        const half = connect(Number(port), hostname);
        half.on('error', () => {});
        half.write('POST /oxen/v4/lsrpc HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf');
        await once(half, 'connect');
      }
      await sleep(200);
      const { code, stdout } = await process.stop();
      expect(code).toBe(0);
      expect(stdout).toContain('"msg":"stopped"');
      const rows = await query(database, 'SELECT id FROM queued_notifications');
      expect(rows.length).toBeGreaterThan(0);
    });
  });

  it('ends at once for somebody who presses Ctrl-C again, and not for one Ctrl-C that npm passes on', async () => {
    await withServer(async ({ process, start }) => {
      const { hostname, port } = new URL(start.address);
      const half = connect(Number(port), hostname).on('error', () => {});
      half.write('POST /oxen/v4/lsrpc HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf');
      await sleep(200);
      process.child.kill('SIGINT');
      process.child.kill('SIGINT');
      await process.waitForLine('stopping');
      await sleep(700);
      expect(process.child.exitCode).toBeNull();
      const { code, stdout } = await process.stop('SIGINT');
      expect(code).toBe(130);
      expect(stdout).toContain('"withinSeconds":10');
    });
  });

  it('does not wait for a reader of the log that is gone', async () => {
    await inFolder(async (folder) => {
      execFileSync('mkfifo', [join(folder, 'log')]);
      const reader = spawn('cat', ['log'], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
      const log = openSync(join(folder, 'log'), 'w');
      const env = { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0' };
      const server = spawn(process.execPath, [resolve('dist/main.js')], {
        cwd: folder,
        env,
        stdio: ['ignore', log, 'ignore'],
      });
      closeSync(log);
      for await (const text of reader.stdout.setEncoding('utf8')) if (String(text).includes('"listening"')) break;
      await ended(reader, 'SIGKILL');
      const given = setTimeout(() => server.kill('SIGKILL'), 15_000);
      expect(await ended(server, 'SIGTERM')).toBe(0);
      clearTimeout(given);
    });
  });

  it('does not wait for a push service that never answers, and keeps the push', async () => {
    await withServer(async ({ process, onion }) => {
      const id = newId();
      await onion.send('register', { pubKey: id, token: newIosToken() });
      gateways.apns.faults.all({ kind: 'stall' });
      await onion.send('notify', { send_to: id, data: newData() });
      await expect.poll(() => gateways.apns.counts.inFlight).toBeGreaterThanOrEqual(0);
      await sleep(300);
      const began = Date.now();
      const { code } = await process.stop();
      expect(code).toBe(0);
      expect(Date.now() - began).toBeLessThan(10_000);
      expect(await query(database, 'SELECT id FROM queued_notifications')).toHaveLength(1);
    });
  });

  it('takes no new connection', async () => {
    await withServer(async ({ process, onion }) => {
      const id = newId();
      await onion.send('register', { pubKey: id, token: newIosToken() });
      gateways.apns.latencyMs = 2000;
      await onion.send('notify', { send_to: id, data: newData() });
      await gateways.apns.waitForPush(1);
      process.child.kill('SIGTERM');
      await process.waitForLine('stopping');
      await sleep(200);
      await expect(onion.send('notify', { send_to: id, data: newData() })).rejects.toThrow('fetch failed');
      expect((await process.exit).code).toBe(0);
    });
  });

  it('writes the statistics', async () => {
    await withServer(async ({ process, onion }) => {
      const id = newId();
      await onion.send('register', { pubKey: id, token: newIosToken() });
      await onion.send('notify', { send_to: id, data: newData() });
      await gateways.apns.waitForPush(1);
      await process.stop();
      const [row] = await query(database, 'SELECT total_message_number AS total, ios_pn_number AS ios FROM statistics');
      expect({ total: Number(row?.['total']), ios: Number(row?.['ios']) }).toEqual({ total: 1, ios: 1 });
    });
  });

  it('is one stop however often it is asked for', async () => {
    await withServer(async ({ process }) => {
      process.child.kill('SIGTERM');
      process.child.kill('SIGTERM');
      process.child.kill('SIGINT');
      const { code, stdout } = await process.exit;
      expect(code).toBe(0);
      expect(stdout.match(/"msg":"stopping"/g)).toHaveLength(1);
    });
  });
});
