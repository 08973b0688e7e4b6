import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../config/app-config.js';
import { KeyFileError } from '../common/start/key-file.js';
import { createKeyPair, readKeyPair } from './onion-key.file.js';
import { OnionKeyService } from './onion-key.service.js';
import { exportPrivateKey, generateKeyPair } from './protocol/key-agreement.js';

let folder: string;
let file: string;
const pair = generateKeyPair();
const raw = exportPrivateKey(pair);
const load = (path = file) => new OnionKeyService(readKeyPair(path) ?? createKeyPair(path));
const mode = (path: string) => statSync(path).mode & 0o777;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onion-key-'));
  file = join(folder, 'x25519-priv.pem');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('OnionKeyService', () => {
  it.each([
    ['64 hex characters', raw.toString('hex')],
    ['hex with a newline, as the original server writes it', `${raw.toString('hex')}\n`],
    ['hex in capitals with spaces and Windows line ends', `  ${raw.toString('hex').toUpperCase()}\r\n\r\n`],
    ['hex with spaces between the bytes', raw.toString('hex').replace(/../g, '$& ')],
    ['hex with a byte order mark', `\uFEFF${raw.toString('hex')}\n`],
    ['hex in UTF-16', Buffer.from(`\uFEFF${raw.toString('hex')}\r\n`, 'utf16le')],
    ['32 raw bytes', raw],
  ])('reads %s', (_name, content) => {
    writeFileSync(file, content);
    expect(load().publicKeyHex).toBe(pair.publicKey.toString('hex'));
  });

  it.each([
    ['nothing', ''],
    ['31 bytes', raw.subarray(1)],
    ['63 hex characters', raw.toString('hex').slice(1)],
    ['hex with a byte too many', `${raw.toString('hex')}00`],
    ['a PEM file', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIA==\n-----END PRIVATE KEY-----\n'],
    ['zeros, as a file that was lost in a crash', Buffer.alloc(32)],
    ['zeros in hex', '0'.repeat(64)],
  ])('stops at a file that holds %s, says what is needed and leaves the file alone', (_name, content) => {
    writeFileSync(file, content);
    expect(load).toThrow(KeyFileError);
    expect(load).toThrow(
      `${file} (ONION_PRIVATE_KEY_FILE) is not usable: it must hold a key as 64 hexadecimal characters or 32 raw bytes`,
    );
    expect(readFileSync(file)).toEqual(Buffer.from(content));
  });

  it('makes a key, its folder, and a file that only the owner can read', () => {
    const nested = join(folder, 'a', 'b', 'key');
    const made = load(nested);
    expect(mode(nested)).toBe(0o600);
    expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['key']);
    expect(readFileSync(nested, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(made.publicKeyHex).toMatch(/^[0-9a-f]{64}$/);
    expect(load(nested).publicKeyHex).toBe(made.publicKeyHex);
  });

  it('makes a different key for every file', () => {
    expect(load(join(folder, 'one')).publicKeyHex).not.toBe(load(join(folder, 'two')).publicKeyHex);
  });

  it('says that a folder is no key file', () => {
    mkdirSync(file);
    expect(load).toThrow(`${file} (ONION_PRIVATE_KEY_FILE) cannot be read: it is a folder`);
  });

  it("says that a file takes the place of the key's folder", () => {
    writeFileSync(file, 'x');
    expect(() => load(join(file, 'key'))).toThrow(
      `${join(file, 'key')} (ONION_PRIVATE_KEY_FILE) cannot be read: a file is in the place of a folder`,
    );
  });

  it('says that a key cannot be made behind a link to nowhere', () => {
    symlinkSync(join(folder, 'nowhere'), file);
    expect(load).toThrow(`${file} (ONION_PRIVATE_KEY_FILE) cannot be created (EEXIST)`);
    expect(readdirSync(folder)).toEqual(['x25519-priv.pem']);
  });

  it('keeps the mode of a file that was there', () => {
    writeFileSync(file, raw);
    chmodSync(file, 0o400);
    load();
    expect(mode(file)).toBe(0o400);
  });
});

describe('a start', () => {
  const DEFAULT = 'data/x25519-priv.pem';
  const open = (path: string | undefined, isInUse: boolean) =>
    OnionKeyService.open(parseConfig({ ONION_PRIVATE_KEY_FILE: path }), () => Promise.resolve(isInUse));
  const before = process.cwd();
  beforeEach(() => process.chdir(folder));
  afterEach(() => process.chdir(before));

  it('makes the key in its default place', async () => {
    const { publicKeyHex } = await open(undefined, false);
    expect((await open(undefined, true)).publicKeyHex).toBe(publicKeyHex);
    expect((await open(DEFAULT, true)).publicKeyHex).toBe(publicKeyHex);
  });

  it.each(['mistyped.pem', DEFAULT])('makes no key where the operator says that there is one: %s', async (path) => {
    await expect(open(path, false)).rejects.toThrow(
      `The onion private key file ${join(folder, path)} does not exist: correct ONION_PRIVATE_KEY_FILE, or make the key`,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([undefined, DEFAULT, 'mistyped.pem'])('makes no key for apps that know another one: %s', async (path) => {
    await expect(open(path, true)).rejects.toThrow(
      `${join(folder, path ?? DEFAULT)} does not exist, and the database holds registrations that depend on its key`,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});
