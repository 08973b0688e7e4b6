/** Days before the end of a certificate at which the operator is reminded; the last is when it is over. */
const REMIND_AT_DAYS = [30, 7, 1, -1];

/** Picks the few that are worth an alert from the daily notices that a certificate expires. */
export class CertificateReminders {
  private readonly reminded = new Map<string, number>();

  /** True once per certificate and threshold. Both numbers together tell one certificate from the next. */
  isDue(provider: string, expiresAt: number, daysLeft: number): boolean {
    const threshold = REMIND_AT_DAYS.findLast((days) => daysLeft <= days);
    if (threshold === undefined) return false;
    const certificate = `${provider} ${expiresAt}`;
    const last = this.reminded.get(certificate);
    if (last !== undefined && last <= threshold) return false;
    this.reminded.set(certificate, threshold);
    return true;
  }
}
