import { describe, expect, it } from 'vitest';
import { notifySchema } from './notify.dto.js';

const refusal = (fields: object) =>
  notifySchema.safeParse({ send_to: '05a', data: 'x', ...fields }).error?.issues[0]?.message;

describe('notifySchema', () => {
  it.each(['aGVsbG8=', ' not base64 ', '\u0000', '😀', 'x'.repeat(1_000_000)])(
    'passes any text through untouched',
    (data) => {
      expect(notifySchema.parse({ send_to: '05a', data })).toEqual({ send_to: '05a', data });
    },
  );

  it.each([undefined, null, '', 0, false])('says that the data is missing when it is %j', (data) => {
    expect(refusal({ data })).toBe('Missing parameter');
  });

  it.each([[7], [['x']], [{}], [true]])('refuses %j as data', (data) => {
    expect(refusal({ data })).toBe('data must be a string');
  });

  it.each([[['05a']], [7]])('refuses %j as recipient', (send_to) => {
    expect(refusal({ send_to })).toBe('send_to must be a string');
  });
});
