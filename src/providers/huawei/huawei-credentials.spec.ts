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

  const write = (text: string | Buffer) => {
    const file = join(dir, 'secret');
    writeFileSync(file, text);
    return { kind: 'file', file } as const;
  };

  it('takes the value as it is configured', () => {
    expect(readHuaweiSecret({ kind: 'value', value: 'abc' })).toBe('abc');
  });

  it('takes the file without the white space around the secret', () => {
    expect(readHuaweiSecret(write(' abc\r\n'))).toBe('abc');
    expect(readHuaweiSecret(write('\uFEFFabc\n'))).toBe('abc');
    expect(readHuaweiSecret(write(Buffer.from('\uFEFFabc\r\n', 'utf16le')))).toBe('abc');
  });

  it.each([
    ['an empty file', '\n', 'is empty'],
    ['several lines', 'abc\ndef\n', 'must hold the secret and nothing else'],
    ['a file of another kind', '\u0001\u0002', 'must hold the secret and nothing else'],
  ])('refuses %s', (_name, text, message) => {
    expect(() => readHuaweiSecret(write(text))).toThrow(message);
  });

  it('refuses a file that cannot be read', () => {
    expect(() => readHuaweiSecret({ kind: 'file', file: join(dir, 'none') })).toThrow(
      `HUAWEI_APP_SECRET_FILE (${join(dir, 'none')}) cannot be read: there is no such file`,
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
