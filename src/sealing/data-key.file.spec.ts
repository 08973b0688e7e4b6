import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDataKey, readDataKey } from './data-key.file.js';

let folder: string;
let file: string;
const key = randomBytes(32);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-key-'));
  file = join(folder, 'data.key');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the data key file', () => {
  it.each([
    ['32 raw bytes', key],
    ['64 hexadecimal characters', key.toString('hex')],
    ['hexadecimal in capitals with a line end', `${key.toString('hex').toUpperCase()}\r\n`],
    ['a byte order mark', `\uFEFF${key.toString('hex')}\n`],
    ['UTF-16', Buffer.from(`\uFEFF${key.toString('hex')}\r\n`, 'utf16le')],
    ['blanks around it', ` ${key.toString('hex')} \n`],
  ])('may hold %s', (_name, content) => {
    writeFileSync(file, content);
    expect(readDataKey(file)).toEqual(key);
  });

  it.each([
    ['nothing', ''],
    ['a byte too few', key.subarray(1)],
    ['quotes', `"${key.toString('hex')}"`],
    ['zeros', Buffer.alloc(32)],
    ['a character too many', `${key.toString('hex')}0`],
  ])('is refused when it holds %s, and not named by its content', (_name, content) => {
    writeFileSync(file, content);
    expect(() => readDataKey(file)).toThrow(
      `The data key file ${file} (DATA_KEY_FILE) is not usable: it must hold a key as 64 hexadecimal characters or 32 raw bytes`,
    );
  });

  it('is absent until it is made, for its owner alone', () => {
    expect(readDataKey(file)).toBeNull();
    const made = createDataKey(file);
    expect(made).toHaveLength(32);
    expect(readDataKey(file)).toEqual(made);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is never made anew: of two who make it, both get the key of the first', () => {
    const made = createDataKey(file);
    const content = readFileSync(file);
    expect(createDataKey(file)).toEqual(made);
    expect(readFileSync(file)).toEqual(content);
  });
});
