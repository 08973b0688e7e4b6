/**
 * What rotates logs of other programs sends SIGUSR1 or SIGUSR2. By itself Node opens its inspector on the one, through which
 * any user of the machine reads the keys and runs code, and the other ends the process without a stop.
 */
export function ignoreUnusedSignals(): void {
  process.on('SIGUSR1', () => undefined);
  process.on('SIGUSR2', () => undefined);
}
