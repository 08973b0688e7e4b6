/**
 * Evidence that our own settings at a provider are wrong: recipients whose tokens it accepted before and does not know now.
 * Several tokens of one recipient count once, and so does one token of several recipients.
 */
export class SettingsDoubt {
  private readonly recipients = new Set<string>();
  private readonly tokens = new Set<string>();

  constructor(private readonly threshold: number) {}

  get isStrong(): boolean {
    return this.recipients.size >= this.threshold;
  }

  add(recipient: string, token: string): void {
    if (this.isStrong || this.recipients.has(recipient) || this.tokens.has(token)) return;
    this.recipients.add(recipient);
    this.tokens.add(token);
  }

  clear(): void {
    this.recipients.clear();
    this.tokens.clear();
  }
}
