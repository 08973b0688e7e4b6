import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority } from '../../../gateways/certificates.js';
import { readAuthorities } from './trusted-authorities.js';

describe('readAuthorities', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'authorities-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const write = (text: string | Buffer): string => {
    const file = join(dir, 'ca.pem');
    writeFileSync(file, text);
    return file;
  };

  it('leaves the choice to Node without a file', () => {
    expect(readAuthorities(null, 'FCM_CA_FILE')).toBeUndefined();
  });

  it('reads one or several certificates, with text between them', async () => {
    const [one, other] = await Promise.all([makeAuthority(), makeAuthority()]);
    const text = `# one\n${one.cert}\n# other\n${other.cert}\n`;
    expect(readAuthorities(write(text), 'FCM_CA_FILE')).toBe(text);
    const utf16 = Buffer.from(`\uFEFF${text}`, 'utf16le');
    expect(readAuthorities(write(utf16), 'FCM_CA_FILE')).toBe(text);
  });

  it.each([
    ['an empty file', '', /^FCM_CA_FILE \(\/.*ca\.pem\) does not hold PEM certificates/],
    ['other text', 'hello', /^FCM_CA_FILE \(\/.*ca\.pem\) does not hold PEM certificates/],
    [
      'a broken certificate',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      /^FCM_CA_FILE \(\/.*ca\.pem\) does not hold PEM certificates/,
    ],
  ])('refuses %s', (_name, text, message) => {
    expect(() => readAuthorities(write(text), 'FCM_CA_FILE')).toThrow(message);
  });

  it('refuses a file that cannot be read', () => {
    const file = join(dir, 'none');
    expect(() => readAuthorities(file, 'FCM_CA_FILE')).toThrow(
      `FCM_CA_FILE (${file}) cannot be read: there is no such file`,
    );
  });
});
