/** How long to wait before the next attempt: doubled each time, with full jitter. Pure. */
export class Backoff {
  private failures = 0;

  constructor(
    private readonly firstMs: number,
    private readonly mostMs: number,
    private readonly random: () => number,
  ) {}

  next(): number {
    const bound = Math.min(this.mostMs, this.firstMs * 2 ** this.failures);
    this.failures += 1;
    return bound * (0.5 + this.random() / 2);
  }

  reset(): void {
    this.failures = 0;
  }
}
