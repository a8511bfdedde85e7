import type { Options } from "./options.js";
import { keyOf, type Instrument, type MarketData, type Tick } from "./types.js";
import type { Wish } from "./wanted.js";

/** Asks for last values over HTTP while there is no stream. */
export class Polling {
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Grows whenever it begins or ends: answers to earlier questions are older than the stream. */
  private round = 0;

  constructor(
    private readonly quotes: NonNullable<Options["quotes"]>,
    private readonly everyMs: number,
    private readonly wishes: () => readonly Wish[],
    private readonly deliver: (tick: Tick) => void,
  ) {}

  start(): void {
    if (this.timer !== undefined) return;
    this.round += 1;
    void this.ask();
  }

  stop(): void {
    this.round += 1;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async ask(): Promise<void> {
    const { round } = this;
    this.timer = setTimeout(() => void this.ask(), this.everyMs);
    const wanted = new Map<string, Instrument>(
      this.wishes().map((wish) => [keyOf(wish.instrument), wish.instrument]),
    );
    let values: ReadonlyMap<string, MarketData>;
    try {
      values = await this.quotes([...wanted.values()]);
    } catch {
      return; // the next one, or the stream, may do better
    }
    if (round !== this.round) return;
    for (const wish of this.wishes()) {
      const data = values.get(keyOf(wish.instrument));
      if (data) this.deliver({ ...wish.instrument, mode: wish.mode, data, source: "poll" });
    }
  }
}
