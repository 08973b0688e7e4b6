/** Lets a loop sleep until it is called or a time has passed. */
export class Wakeup {
  private wake: (() => void) | null = null;
  private called = false;

  call(): void {
    this.called = true;
    this.wake?.();
  }

  async wait(maxMs: number): Promise<void> {
    if (!this.called) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, maxMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.wake = null;
    this.called = false;
  }
}
