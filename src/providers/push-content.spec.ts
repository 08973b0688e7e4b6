import { expect, it } from 'vitest';
import { hasContent, NO_CONTENT, type PushContent, withoutContent } from './push-content.js';

it.each<[PushContent, PushContent]>([
  [NO_CONTENT, NO_CONTENT],
  [{ kind: 'legacy', data: 'x' }, NO_CONTENT],
  [
    { kind: 'sealed', payload: 'x' },
    { kind: 'sealed', payload: null },
  ],
])('%j without its content is %j', (content, bare) => {
  expect(withoutContent(content)).toEqual(bare);
  expect([content, bare].map((one) => hasContent(one))).toEqual([content.kind !== 'none', false]);
});
