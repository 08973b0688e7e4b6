import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { postHttp1 } from './spec-client.js';
import { SpecClient } from './swarm/spec-client.js';

const RUN = join(import.meta.dirname, 'run.ts');
const PATIENCE_MS = 60_000;
let dir: string;
let child: ChildProcessWithoutNullStreams | undefined;

function start(args: readonly string[], env: Record<string, string> = {}) {
  const started = spawn(process.execPath, ['--import', 'tsx', RUN, ...args], { env: { ...process.env, ...env } });
  child = started;
  const closed = once(started, 'close');
  let output = '';
  started.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  started.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  return {
    process: started,
    until: async (text: string): Promise<string> => {
      while (!output.includes(text)) {
        if (started.exitCode !== null) throw new Error(`ended before it said "${text}": ${output}`);
        await Promise.race([once(started.stdout, 'data'), once(started.stderr, 'data'), closed]);
      }
      return output;
    },
    /** What it said in all, with its exit code. */
    end: async (): Promise<{ output: string; code: number | null }> => {
      await closed;
      return { output, code: started.exitCode };
    },
  };
}

/** Of a run that is told to end as soon as it is up. */
async function environmentOf(args: readonly string[]): Promise<{ env: NodeJS.Dict<string>; nodes: unknown[] }> {
  const { process: running, until, end } = start(args);
  const env = parseEnv(await until('# CONTROL_URL='));
  const control = controlIn(await until('\n\n'));
  const { nodes } = (await (await fetch(`${control}/nodes`)).json()) as { nodes: { key: string }[] };
  running.kill('SIGTERM');
  await end();
  return { env, nodes: nodes.map(({ key }) => key) };
}

const controlIn = (output: string): string => String(/# CONTROL_URL=(\S+)\n/.exec(output)?.[1]);

describe('the gateways by themselves', () => {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'gateways-run-'));
  });
  afterEach(() => {
    child?.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  });

  it(
    'print the environment that leads to them, then each push, and end on a signal',
    async () => {
      const { process: running, until, end } = start(['--dir', dir]);
      const env = parseEnv(await until('# CONTROL_URL='));
      expect(env['APNS_URL']).toMatch(/^https:\/\/localhost:\d+$/);
      expect(env['FCM_SERVICE_ACCOUNT_FILE']).toContain(dir);

      const ca = readFileSync(String(env['HUAWEI_CA_FILE']));
      const { HUAWEI_APP_ID: client_id = '', HUAWEI_APP_SECRET: client_secret = '' } = env;
      const form = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret }).toString();
      const options = { ca, agent: false as const };
      const { json } = await postHttp1(`${env['HUAWEI_AUTH_URL']}/oauth2/v3/token`, options, form);
      const headers = { authorization: `Bearer ${String(json['access_token'])}` };
      const message = JSON.stringify({ message: { data: 'aGVsbG8=', token: ['a-huawei-token'] } });
      await postHttp1(`${env['HUAWEI_PUSH_URL']}/v1/${client_id}/messages:send`, { ...options, headers }, message);
      expect(await until('aGVsbG8=')).toContain(`HMS a-huawei... ${message.length} bytes ${message}`);

      const control = controlIn(await until('\n\n'));
      const stored = JSON.stringify({ account: `05${'ab'.repeat(32)}`, data: 'aGVsbG8=' });
      const answer = await fetch(`${control}/store`, { method: 'POST', body: stored });
      expect(await answer.json()).toMatchObject({ members: 3 });
      expect(await until(' stored in swarm ')).toContain('for 05ababab... namespace 0 5 bytes');
      const oxend = new SpecClient(String(env['NODE_LIST']), null);
      await oxend.greet();
      oxend.close();

      running.kill('SIGTERM');
      expect(await end()).toMatchObject({ code: 0 });
    },
    PATIENCE_MS,
  );

  it(
    'have the same keys and ids when they start with the same folder again',
    async () => {
      const first = await environmentOf(['--dir', dir]);
      const contents = () => readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')] as const);
      const written = contents();
      const second = await environmentOf(['--dir', dir]);
      expect(first.nodes).toHaveLength(9);
      expect(second.nodes).toEqual(first.nodes);
      const withoutPorts = (env: NodeJS.Dict<string>) =>
        Object.entries(env).map(([name, value]) => [name, value?.replace(/:\d+$/, '')]);
      expect(withoutPorts(second.env)).toEqual(withoutPorts(first.env));
      const alike = (files: typeof written) => files.map(([name, text]) => [name, text.replace(/localhost:\d+/, '')]);
      expect(alike(contents())).toEqual(alike(written));
      expect(written.filter(([, text]) => !text.endsWith('\n'))).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'leave nothing behind after Ctrl-C',
    async () => {
      // Caches of tsx and of Node.js itself are none of the gateways.
      const {
        process: running,
        until,
        end,
      } = start([], { TMPDIR: dir, TSX_DISABLE_CACHE: '1', NODE_DISABLE_COMPILE_CACHE: '1' });
      expect(await until('# CONTROL_URL=')).toContain(`APNS_CA_FILE=${dir}`);
      running.kill('SIGINT');
      expect(await end()).toMatchObject({ code: 0 });
      expect(readdirSync(dir)).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'name the port that is taken',
    async () => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const { output, code } = await start(['--port-base', String(port - 1), '--dir', dir]).end();
      taken.close();
      expect(output).toMatch(/^Port \d+, for (APNs|FCM), is taken; choose another --port-base\.\n$/);
      expect(code).toBe(1);
      expect(readdirSync(dir)).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'say which folder cannot be written to, or holds what is damaged',
    async () => {
      const file = join(dir, 'a-file');
      writeFileSync(file, '');
      expect(await start(['--dir', join(file, 'below')]).end()).toEqual({
        output: `The folder ${join(file, 'below')} cannot be written to (ENOTDIR).\n`,
        code: 1,
      });
      writeFileSync(join(dir, 'credentials.json'), '{}');
      expect(await start(['--dir', dir]).end()).toEqual({
        output: `${join(dir, 'credentials.json')} is damaged; remove it to get new keys and ids.\n`,
        code: 1,
      });
    },
    PATIENCE_MS,
  );

  it(
    'explain themselves',
    async () => {
      const { output, code } = await start(['--help']).end();
      expect(output).toContain('--port-base N');
      expect(code).toBe(0);
    },
    PATIENCE_MS,
  );

  it.each([
    [['--port-base', 'http'], '--port-base must be a port number, 1 to 65530.'],
    [['--bogus'], "Unknown option '--bogus'; --help lists the options."],
    [['run'], "Unexpected argument 'run'; --help lists the options."],
  ])(
    'refuse %j in one sentence',
    async (args, sentence) => {
      expect(await start(args).end()).toEqual({ output: `${sentence}\n`, code: 2 });
    },
    PATIENCE_MS,
  );
});
