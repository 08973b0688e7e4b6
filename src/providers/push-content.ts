/** How soon the phone is to be woken: at once, or when it is awake anyway. */
export type Urgency = 'high' | 'normal';

/**
 * What a push carries. All of it is encrypted for the phone already and passed through untouched.
 * - `none`: nothing, the phone shows its generic notice
 * - `legacy`: the text that a sender gave to `notify`
 * - `sealed`: base64 of a message that was sealed for this one phone; null = it was left out, and the phone shows its
 *   generic notice
 */
export type PushContent =
  { kind: 'none' } | { kind: 'legacy'; data: string } | { kind: 'sealed'; payload: string | null };

export const NO_CONTENT: PushContent = Object.freeze({ kind: 'none' });

/** @param data null = left out, or never there */
export function legacyContent(data: string | null): PushContent {
  return data === null ? NO_CONTENT : { kind: 'legacy', data };
}

/** The same push for a phone that is only to be woken: apps tell by the form whose push it was. */
export function withoutContent(content: PushContent): PushContent {
  return content.kind === 'sealed' ? { kind: 'sealed', payload: null } : NO_CONTENT;
}

export function hasContent(content: PushContent): boolean {
  return content.kind === 'legacy' || (content.kind === 'sealed' && content.payload !== null);
}
