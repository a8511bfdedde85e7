import { keyOf, type Grant, type Instrument, type Mode, type Tick } from "./types.js";

export type Listener = (tick: Tick) => void;

/** What somebody listens to: one instrument in one mode. */
export interface Wish {
  readonly instrument: Instrument;
  readonly mode: Mode;
  readonly listeners: Set<Listener>;
  /** The newest tick. */
  last?: Tick;
  /** What the proxy said to it. */
  grant?: Grant;
}

const wishKey = (mode: Mode, instrument: Instrument): string => `${mode}|${keyOf(instrument)}`;

/** Everything that is listened to, whoever listens; each wish once. Pure. */
export class Wanted {
  private readonly wishes = new Map<string, Wish>();

  get size(): number {
    return this.wishes.size;
  }

  get all(): Wish[] {
    return [...this.wishes.values()];
  }

  /** The instruments that nobody wanted before. */
  add(instruments: readonly Instrument[], mode: Mode, listener: Listener): Instrument[] {
    const fresh: Instrument[] = [];
    for (const { symbol, exchange } of instruments) {
      const key = wishKey(mode, { symbol, exchange });
      let wish = this.wishes.get(key);
      if (!wish) {
        wish = { instrument: { symbol, exchange }, mode, listeners: new Set() };
        this.wishes.set(key, wish);
        fresh.push(wish.instrument);
      }
      wish.listeners.add(listener);
    }
    return fresh;
  }

  /** The instruments that nobody wants any more. */
  remove(instruments: readonly Instrument[], mode: Mode, listener: Listener): Instrument[] {
    const gone: Instrument[] = [];
    for (const instrument of instruments) {
      const key = wishKey(mode, instrument);
      const wish = this.wishes.get(key);
      if (wish?.listeners.delete(listener) && wish.listeners.size === 0) {
        this.wishes.delete(key);
        gone.push(wish.instrument);
      }
    }
    return gone;
  }

  find(mode: Mode, instrument: Instrument): Wish | undefined {
    return this.wishes.get(wishKey(mode, instrument));
  }
}
