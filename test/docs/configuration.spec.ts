import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONFIGURATION_FILES } from '../../scripts/configuration-docs/files.js';

describe.each(Object.entries(CONFIGURATION_FILES))('%s', (file, text) => {
  it('is what `npm run docs:configuration` makes of the schema', () => {
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
