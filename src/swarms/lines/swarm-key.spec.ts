import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordingLogger } from '../../../test/support/recording-logger.js';
import { type NetworkConfig } from '../../config/app-config.js';
import { loadSwarmKey } from './swarm-key.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swarm-key-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const config = (keyFile: string, mayMakeKeyFile: boolean) => ({ keyFile, mayMakeKeyFile }) as NetworkConfig;

describe('loadSwarmKey', () => {
  it('makes the key at its default place, readable by its owner alone, and reads it again', async () => {
    const path = join(folder, 'made', 'key');
    const made = await loadSwarmKey(config(path, true));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await loadSwarmKey(config(path, false))).toEqual(made);
  });

  it('says that it made a key, with the whole path, and says nothing when it reads one', async () => {
    const log = new RecordingLogger();
    Logger.overrideLogger(log);
    try {
      const path = join(folder, 'key');
      await loadSwarmKey(config(path, true));
      expect(log.find('made a new swarm key')).toEqual([expect.stringContaining(path)]);
      await loadSwarmKey(config(path, true));
      expect(log.lines).toHaveLength(1);
    } finally {
      Logger.overrideLogger(false);
    }
  });

  it('reads 64 hexadecimal characters, as editors save them, and 32 raw bytes', async () => {
    const secret = '77076d0a7318a57d3c16c17251b26645df4c4992ac6f2a9f3a5a7c2b5e1f9d2a';
    const path = join(folder, 'key');
    writeFileSync(path, `${secret}\n`);
    const fromText = await loadSwarmKey(config(path, false));
    writeFileSync(path, Buffer.from(secret, 'hex'));
    expect(await loadSwarmKey(config(path, false))).toEqual(fromText);
    for (const saved of [`\uFEFF${secret}\r\n`, Buffer.from(`\uFEFF${secret}\r\n`, 'utf16le')]) {
      writeFileSync(path, saved);
      expect(await loadSwarmKey(config(path, false))).toEqual(fromText);
    }
    expect(fromText.publicKey).toHaveLength(32);
  });

  it('makes no key in the place of one that was named and is not there', async () => {
    const path = join(folder, 'mistyped');
    await expect(loadSwarmKey(config(path, false))).rejects.toThrow(`The swarm key file ${path} does not exist`);
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });
});
