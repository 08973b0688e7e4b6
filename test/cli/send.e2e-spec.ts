import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPair } from '../../src/onion/protocol/key-agreement.js';
import { type CommandResult, runCommand } from '../support/command-line.js';
import { freePort } from '../support/private-server.js';
import { newId, newIosToken } from '../support/people.js';
import { type SpawnedServer, spawnServer } from '../support/spawned-server.js';

const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

describe('send', () => {
  let folder: string;
  let server: SpawnedServer;
  const send = (args: string[], input?: string): Promise<CommandResult> =>
    runCommand(['send', ...args, '--url', server.start.address], { folder, ...(input === undefined ? {} : { input }) });
  const registration = () => JSON.stringify({ token: newIosToken(), pubKey: newId() });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spns-cli-'));
    server = await spawnServer({}, folder);
  });
  afterAll(async () => {
    await server.process.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ['version 4 as libsession seals it', []],
    ['version 4 with AES-GCM', ['--cipher', 'aes-gcm']],
    ['version 2', ['--onion', 'v2']],
  ])('registers through %s', async (_, options) => {
    const { code, stdout, stderr } = await send(['register', registration(), ...options]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(SUCCESS);
  });

  it('reads arguments from standard input and takes a public key', async () => {
    const { code, stdout } = await send(['/register', '-', '--public-key', server.start.publicKey], registration());
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(SUCCESS);
  });

  it('prints a refusal and ends with 1', async () => {
    const token = newIosToken();
    const unknown = await send(['unregister', JSON.stringify({ token })]);
    expect(unknown.code).toBe(1);
    expect(JSON.parse(unknown.stdout)).toMatchObject({ status: 200, body: { code: 0 } });
    const missing = await send(['register', '{}', '--onion', 'v2']);
    expect(missing.code).toBe(1);
    expect(JSON.parse(missing.stdout)).toMatchObject({ status: 400, body: { code: 0 } });
  });

  it("says that the public key is not the server's", async () => {
    const other = generateKeyPair().publicKey.toString('hex');
    const { code, stdout, stderr } = await send(['register', registration(), '--public-key', other]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('Is the public key its own?');
  });

  it('says that there is no such server, and never repeats the arguments', async () => {
    const token = newIosToken();
    const args = ['send', 'unregister', JSON.stringify({ token }), '--url', `http://127.0.0.1:${await freePort()}`];
    const { code, stderr } = await runCommand(args, { folder });
    expect(code).toBe(1);
    expect(stderr).toContain('does not answer (ECONNREFUSED)');
    const broken = await send(['unregister', `{"token":"${token}"`]);
    expect(broken.code).toBe(1);
    expect(stderr + broken.stderr).not.toContain(token);
  });

  it('says that what answers is not such a server', async () => {
    const { code, stderr } = await runCommand(['send', 'notify', '{}', '--url', `${server.start.address}/elsewhere`], {
      folder,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('HTTP 404');
  });
});
