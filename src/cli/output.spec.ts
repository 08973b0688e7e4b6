import { describe, expect, it } from 'vitest';
import { formatTable } from './output.js';

describe('a table', () => {
  it('gives columns the width of their widest cell, with numbers and their headings to the right', () => {
    const table = formatTable([
      ['provider', 'tokens', 'reason'],
      ['fcm', 1234567, 'UNREGISTERED'],
      ['huawei', 5, 'x'],
    ]);
    expect(table.split('\n')).toEqual([
      'provider     tokens  reason',
      'fcm       1,234,567  UNREGISTERED',
      'huawei            5  x',
    ]);
  });

  it('is empty without rows', () => {
    expect(formatTable([])).toBe('');
  });
});
