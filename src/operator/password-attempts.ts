/** Wrong passwords that are answered as fast as they come: a person who mistypes, a script with last year's password. */
const BURST = 30;
/** After them, one in so many milliseconds: 17,280 a day, of which no password that is worth its name is found. */
const PAUSE_MS = 5000;

/**
 * Bounds how many passwords may be tried. Wrong ones of all addresses are counted together, because an attacker has as many
 * addresses as he likes.
 */
export class PasswordAttempts {
  private wrong = 0;
  private countedAt = 0;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** False = passwords must not be compared now, right ones included. */
  get areAllowed(): boolean {
    this.forget();
    return this.wrong < BURST;
  }

  /** Seconds until one more may be tried. */
  get pauseSeconds(): number {
    return Math.ceil(PAUSE_MS / 1000);
  }

  countWrong(): void {
    this.forget();
    this.wrong++;
  }

  private forget(): void {
    const pauses = Math.floor((this.now() - this.countedAt) / PAUSE_MS);
    if (pauses === 0) return;
    this.wrong = Math.max(0, this.wrong - pauses);
    this.countedAt += pauses * PAUSE_MS;
  }
}
