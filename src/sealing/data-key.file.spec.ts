import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
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
import { addDataKey, createDataKey, readDataKeys } from './data-key.file.js';

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
    expect(readDataKeys(file)).toEqual([key]);
  });

  it.each([
    ['nothing', ''],
    ['a byte too few', key.subarray(1)],
    ['quotes', `"${key.toString('hex')}"`],
    ['zeros', Buffer.alloc(32)],
    ['a character too many', `${key.toString('hex')}0`],
  ])('is refused when it holds %s, and not named by its content', (_name, content) => {
    writeFileSync(file, content);
    expect(() => readDataKeys(file)).toThrow(
      `The data key file ${file} (DATA_KEY_FILE) is not usable: it must hold a key as 64 hexadecimal characters or 32 raw bytes`,
    );
  });

  it('is absent until it is made, for its owner alone', () => {
    expect(readDataKeys(file)).toBeNull();
    const made = createDataKey(file);
    expect(made.map((one) => one.length)).toEqual([32]);
    expect(readDataKeys(file)).toEqual(made);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is never made anew: of two who make it, both get the key of the first', () => {
    const made = createDataKey(file);
    const content = readFileSync(file);
    expect(createDataKey(file)).toEqual(made);
    expect(readFileSync(file)).toEqual(content);
  });

  const several = (count: number): Buffer[] => Array.from({ length: count }, () => randomBytes(32));
  const lines = (keys: readonly Buffer[], end = '\n'): string => keys.map((one) => one.toString('hex') + end).join('');

  it.each([2, 13])('may hold %i keys, the oldest first', (count) => {
    const keys = several(count);
    for (const content of [lines(keys), lines(keys, ' \r\n').toUpperCase(), `\uFEFF${lines(keys, '\n\n').trimEnd()}`]) {
      writeFileSync(file, content);
      expect(readDataKeys(file)).toEqual(keys);
    }
  });

  it.each([
    ['a key twice', lines([key, randomBytes(32), key])],
    ['a key twice, in capitals', lines([key]) + lines([key]).toUpperCase()],
    ['fourteen keys', lines(several(14))],
    ['something else in a line', `${lines([key])}# the old one\n`],
    ['two keys in a line', lines(several(2), ' ')],
    ['zeros in a line', lines([key, Buffer.alloc(32)])],
    ['two keys as raw bytes', Buffer.concat(several(2))],
  ])('is refused when it holds %s', (_name, content) => {
    writeFileSync(file, content);
    expect(() => readDataKeys(file)).toThrow(
      /is not usable: .* or up to 13 different keys in lines of 64 hexadecimal characters, the one in use last$/,
    );
  });

  it.each([
    ['a line', lines([key])],
    ['raw bytes', key],
  ])('that holds a key as %s gets another one behind it, and stays as readable as it was', (_name, content) => {
    writeFileSync(file, content);
    chmodSync(file, 0o640);
    addDataKey(file, [key]);
    const [first, second, ...none] = readDataKeys(file) ?? [];
    expect([first, second?.length, none]).toEqual([key, 32, []]);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder)).toEqual(['data.key']);
  });

  it.runIf(process.getuid?.() === 0)('keeps its owner when another user changes it', () => {
    writeFileSync(file, key);
    chownSync(file, 4321, 8765);
    addDataKey(file, [key]);
    expect(statSync(file)).toMatchObject({ uid: 4321, gid: 8765 });
  });

  it('is changed where it is, when a symbolic link leads to it', () => {
    writeFileSync(file, key, { mode: 0o600 });
    const link = join(folder, 'link');
    symlinkSync('data.key', link);
    addDataKey(link, [key]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readDataKeys(file)).toHaveLength(2);
  });

  it('stays as it is when it cannot be replaced', () => {
    expect(() => addDataKey(join(folder, 'absent'), [key])).toThrow('cannot be replaced (ENOENT)');
    expect(readdirSync(folder)).toEqual([]);
  });
});
