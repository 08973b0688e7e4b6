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

  const write = (text: string): string => {
    const file = join(dir, 'ca.pem');
    writeFileSync(file, text);
    return file;
  };

  it('leaves the choice to Node without a file', async () => {
    expect(await readAuthorities(null, 'FCM_CA_FILE')).toBeUndefined();
  });

  it('reads one or several certificates, with text between them', async () => {
    const [one, other] = await Promise.all([makeAuthority(), makeAuthority()]);
    const text = `# one\n${one.cert}\n# other\n${other.cert}\n`;
    expect(await readAuthorities(write(text), 'FCM_CA_FILE')).toBe(text);
  });

  it.each([
    ['an empty file', '', /^FCM_CA_FILE does not hold PEM certificates/],
    ['other text', 'hello', /^FCM_CA_FILE does not hold PEM certificates/],
    [
      'a broken certificate',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      /^FCM_CA_FILE does not hold PEM certificates/,
    ],
  ])('refuses %s', async (_name, text, message) => {
    await expect(readAuthorities(write(text), 'FCM_CA_FILE')).rejects.toThrow(message);
  });

  it('refuses a file that cannot be read', async () => {
    await expect(readAuthorities(join(dir, 'none'), 'FCM_CA_FILE')).rejects.toThrow('FCM_CA_FILE cannot be read');
  });
});
