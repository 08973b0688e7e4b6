import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientCredentialsForm, readHuaweiSecret } from './huawei-credentials.js';

describe('readHuaweiSecret', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'huawei-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const write = (text: string) => {
    const file = join(dir, 'secret');
    writeFileSync(file, text);
    return { kind: 'file', file } as const;
  };

  it('takes the value as it is configured', async () => {
    expect(await readHuaweiSecret({ kind: 'value', value: 'abc' })).toBe('abc');
  });

  it('takes the file without the white space around the secret', async () => {
    expect(await readHuaweiSecret(write(' abc\r\n'))).toBe('abc');
  });

  it.each([
    ['an empty file', '\n', 'HUAWEI_APP_SECRET_FILE is empty'],
    ['several lines', 'abc\ndef\n', 'HUAWEI_APP_SECRET_FILE must hold the secret and nothing else'],
    ['a file of another kind', '\u0000\u0001', 'HUAWEI_APP_SECRET_FILE must hold the secret and nothing else'],
  ])('refuses %s', async (_name, text, message) => {
    await expect(readHuaweiSecret(write(text))).rejects.toThrow(message);
  });

  it('refuses a file that cannot be read', async () => {
    await expect(readHuaweiSecret({ kind: 'file', file: join(dir, 'none') })).rejects.toThrow(
      'HUAWEI_APP_SECRET_FILE cannot be read',
    );
  });
});

describe('clientCredentialsForm', () => {
  it('escapes what a form needs escaped', () => {
    expect(clientCredentialsForm('100', 'a+b/c=&')).toBe(
      'grant_type=client_credentials&client_id=100&client_secret=a%2Bb%2Fc%3D%26',
    );
  });
});
