import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { postHttp1 } from './spec-client.js';
import { SpecClient } from './swarm/spec-client.js';

const RUN = join(import.meta.dirname, 'run.ts');
let child: ChildProcessWithoutNullStreams | undefined;

function start(...args: string[]): {
  process: ChildProcessWithoutNullStreams;
  until: (text: string) => Promise<string>;
} {
  const started = spawn(process.execPath, ['--import', 'tsx', RUN, ...args]);
  child = started;
  let output = '';
  started.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  started.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const until = async (text: string): Promise<string> => {
    while (!output.includes(text)) await Promise.race([once(started.stdout, 'data'), once(started.stderr, 'data')]);
    return output;
  };
  return { process: started, until };
}

describe('the gateways by themselves', () => {
  afterEach(() => child?.kill('SIGKILL'));

  it('print the environment that leads to them, then each push, and end on a signal', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'gateways-run-'));
    const { process: running, until } = start('--dir', dir);
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

    const control = /# CONTROL_URL=(\S+)\n/.exec(await until('\n\n'))?.[1];
    const stored = JSON.stringify({ account: `05${'ab'.repeat(32)}`, data: 'aGVsbG8=' });
    const answer = await fetch(`${control}/store`, { method: 'POST', body: stored });
    expect(await answer.json()).toMatchObject({ members: 3 });
    expect(await until(' stored in swarm ')).toContain('for 05ababab... namespace 0 5 bytes');
    const oxend = new SpecClient(String(env['NODE_LIST']), null);
    await oxend.greet();
    oxend.close();

    running.kill('SIGTERM');
    expect(await once(running, 'exit')).toEqual([0, null]);
    rmSync(dir, { recursive: true });
  }, 60_000);

  it('explain themselves', async () => {
    const { process: running, until } = start('--help');
    expect(await until('--help')).toContain('--port-base N');
    expect(await once(running, 'exit')).toEqual([0, null]);
  }, 20_000);

  it('refuse a port that is none', async () => {
    const { process: running } = start('--port-base', 'http');
    expect(await once(running, 'exit')).toEqual([2, null]);
  }, 20_000);
});
