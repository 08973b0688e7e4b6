import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importKeyPair } from '../../src/onion/protocol/key-agreement.js';
import { runCommand } from '../support/command-line.js';
import { inFolder } from '../support/spawned-server.js';

describe('keygen and pubkey', () => {
  it('makes a key for its owner alone and prints the public half only', async () => {
    await inFolder(async (folder) => {
      const { code, stdout, stderr } = await runCommand(['keygen'], { folder });
      const file = join(folder, 'data/x25519-priv.pem');
      const key = readFileSync(file, 'latin1').trim();
      expect(code).toBe(0);
      expect(stdout.trim()).toBe(importKeyPair(Buffer.from(key, 'hex')).publicKey.toString('hex'));
      expect(stdout + stderr).not.toContain(key);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect((await runCommand(['pubkey'], { folder })).stdout).toBe(stdout);
    });
  });

  it('never overwrites a key', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'own.pem');
      await runCommand(['keygen', '--file', file], { folder });
      const before = readFileSync(file);
      const { code, stdout, stderr } = await runCommand(['keygen'], { folder, env: { ONION_PRIVATE_KEY_FILE: file } });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain('exists and is not overwritten');
      expect(readFileSync(file)).toEqual(before);
    });
  });

  it('does not make a key to show one', async () => {
    await inFolder(async (folder) => {
      expect((await runCommand(['pubkey'], { folder })).code).toBe(1);
      expect(existsSync(join(folder, 'data'))).toBe(false);
    });
  });

  it('makes and shows the key for Web Push likewise', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'data/vapid.pem');
      const made = await runCommand(['keygen', '--vapid'], { folder });
      expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^B[\w-]{86}\n$/) });
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(await runCommand(['keygen', '--vapid'], { folder })).toMatchObject({ code: 1, stdout: '' });
      expect(await runCommand(['pubkey', '--vapid'], { folder })).toMatchObject({ code: 1, stdout: '' });
      const env = { VAPID_KEY_FILE: file, VAPID_SUBJECT: 'mailto:somebody@example.org' };
      expect((await runCommand(['pubkey', '--vapid'], { folder, env })).stdout).toBe(made.stdout);
      expect((await runCommand(['pubkey', '--vapid', '--file', file], { folder })).stdout).toBe(made.stdout);
    });
  });

  it('refuses a file that holds no key, without quoting it', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'note.txt');
      writeFileSync(file, 'not a key at all');
      const { code, stderr } = await runCommand(['pubkey', '--file', file], { folder });
      expect(code).toBe(1);
      expect(stderr).toContain('64 hexadecimal characters');
      expect(stderr).not.toContain('not a key at all');
    });
  });
});
