// Knows when nothing is pending and nothing moves; tests wait for that, never for a time.

export class Idle {
  private running = 0;
  private waiting: (() => void)[] = [];

  /** Something begins; the returned function ends it. */
  begin(): () => void {
    this.running += 1;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.running -= 1;
      if (this.running === 0) this.settle();
    };
  }

  async during<T>(work: Promise<T>): Promise<T> {
    const end = this.begin();
    try {
      return await work;
    } finally {
      end();
    }
  }

  when(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      if (this.running === 0) this.settle();
    });
  }

  /** What ends often begins the next thing, so it looks again a moment later. */
  private settle(): void {
    setTimeout(() => {
      if (this.running > 0) return;
      const waiting = this.waiting;
      this.waiting = [];
      for (const resolve of waiting) resolve();
    }, 0);
  }
}
