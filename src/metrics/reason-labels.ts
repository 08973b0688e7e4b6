/** What a reason looks like that comes from a provider's documentation, or from our own constants. */
const REASON = /^[A-Za-z][\w:.-]{0,63}$/;
/** A long run of hexadecimal digits is never a reason; it may be somebody's id or token. */
const LONG_HEX = /[0-9a-f]{16}/i;

const MAX_REASONS = 100;

/**
 * Makes label values of providers' reasons: each under its name, and `other` for what does not look like a reason and
 * for whatever comes after the first hundred of one provider. So nothing from the network can grow the metrics without
 * bound or put an id into them.
 */
export class ReasonLabels {
  private readonly known = new Map<string, Set<string>>();

  constructor(private readonly maxPerProvider = MAX_REASONS) {}

  labelFor(provider: string, reason: string): string {
    let known = this.known.get(provider);
    if (!known) this.known.set(provider, (known = new Set()));
    if (known.has(reason)) return reason;
    if (known.size >= this.maxPerProvider || !REASON.test(reason) || LONG_HEX.test(reason)) return 'other';
    known.add(reason);
    return reason;
  }
}
