import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ReasonLabels } from './reason-labels.js';

describe('ReasonLabels', () => {
  it.each(['Unregistered', 'Unknown:418:NewWord', 'Code80300007:noRight', 'SENDER_ID_MISMATCH', 'limit-reached'])(
    'shows %s under its name',
    (reason) => {
      expect(new ReasonLabels().labelFor('apns', reason)).toBe(reason);
    },
  );

  it.each([
    ['nothing', ''],
    ['a sentence', 'The token is not known'],
    ['a text of 65 characters', 'x'.repeat(65)],
    ['a Session id', `05${randomBytes(32).toString('hex')}`],
    ['a piece of an id after a word', `Bad${randomBytes(16).toString('hex')}`],
    ['a label that breaks out', 'a"} 1\nb{c="d'],
  ])('shows %s as other', (_what, reason) => {
    expect(new ReasonLabels().labelFor('apns', reason)).toBe('other');
  });

  it('knows so many reasons of a provider, and shows what comes then as other', () => {
    const labels = new ReasonLabels(2);
    const shown = ['One', 'Two', 'Three', 'One', 'Two', 'Four'].map((reason) => labels.labelFor('fcm', reason));
    expect(shown).toEqual(['One', 'Two', 'other', 'One', 'Two', 'other']);
    expect(labels.labelFor('apns', 'Three')).toBe('Three');
  });

  it('has room for a hundred', () => {
    const labels = new ReasonLabels();
    const shown = Array.from({ length: 150 }, (_, index) => labels.labelFor('fcm', `Reason${index}`));
    expect(new Set(shown).size).toBe(101);
  });
});
