import { Attempt, type Ending } from "./attempt.js";
import { Backoff } from "./backoff.js";
import { DEFAULTS, type Options } from "./options.js";
import { Polling } from "./polling.js";
import { subscriptions, type Entry, type Incoming } from "./protocol.js";
import type { Grant, Instrument, Mode, Status, Tick } from "./types.js";
import { watchVisibility } from "./visibility.js";
import { Wanted, type Listener } from "./wanted.js";

const MODES: readonly Mode[] = ["LTP", "QUOTE", "DEPTH"];
/** A fresh ticket may come too early for a server that has only just begun. */
const REFUSALS = 3;

type Timer = ReturnType<typeof setTimeout>;

/**
 * One connection, shared by everybody on the page.
 *
 * It stands while somebody listens and the page is to be seen, subscribes anew after each
 * reconnection, and asks over HTTP while it cannot be had.
 */
export class MarketDataClient {
  private readonly options: Options & typeof DEFAULTS;
  private readonly wanted = new Wanted();
  private readonly backoff: Backoff;
  private readonly polling: Polling | undefined;
  private readonly watchers = new Set<() => void>();
  private readonly stopWatchingPage: () => void;
  private attempt: Attempt | null = null;
  private refusals = 0;
  private isRefused = false;
  private isHidden = false;
  private current: Status = "idle";
  private retryTimer: Timer | undefined;
  private lingerTimer: Timer | undefined;

  constructor(options: Options) {
    this.options = { ...DEFAULTS, ...options };
    const { firstRetryMs, mostRetryMs, random, quotes, pollMs, hideAfterMs } = this.options;
    this.backoff = new Backoff(firstRetryMs, mostRetryMs, random);
    if (quotes) {
      const deliver = (tick: Tick): void => this.deliver(tick);
      this.polling = new Polling(quotes, pollMs, () => this.wanted.all, deliver);
    }
    this.stopWatchingPage = watchVisibility(
      hideAfterMs,
      () => this.pause(),
      () => this.goOn(),
    );
  }

  get status(): Status {
    return this.current;
  }

  /** Called when `status` or a grant changed. Returns how to stop that. */
  onChange(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** What the proxy said to a subscription; undefined before it answered. */
  grant(instrument: Instrument, mode: Mode): Grant | undefined {
    return this.wanted.find(mode, instrument)?.grant;
  }

  /** Every tick of these from now on, the last known one at once. Returns how to stop that. */
  listen(instruments: readonly Instrument[], mode: Mode, listener: Listener): () => void {
    const held = [...instruments];
    const fresh = this.wanted.add(held, mode, listener);
    clearTimeout(this.lingerTimer);
    for (const instrument of held) {
      const known = this.wanted.find(mode, instrument)?.last;
      if (known) listener(known);
    }
    if (this.attempt?.isLive) this.ask("subscribe", mode, fresh);
    else this.begin();
    let listening = true;
    return () => {
      if (!listening) return;
      listening = false;
      this.drop(held, mode, listener);
    };
  }

  /** Try again after `refused`. */
  retry(): void {
    this.isRefused = false;
    this.refusals = 0;
    this.backoff.reset();
    this.begin();
  }

  /** End everything; the client cannot be used afterwards. */
  close(): void {
    this.stopWatchingPage();
    clearTimeout(this.lingerTimer);
    this.disconnect();
    this.setStatus("idle");
    this.watchers.clear();
  }

  // --- the connection ----------------------------------------------------------------------

  private get isNeeded(): boolean {
    return this.wanted.size > 0 && !this.isHidden && !this.isRefused;
  }

  private begin(): void {
    if (!this.isNeeded || this.attempt || this.retryTimer !== undefined) return;
    if (this.current !== "polling") this.setStatus("connecting");
    this.attempt = new Attempt(this.options.access, this.options.open, {
      welcomed: () => this.welcomed(),
      heard: (message) => this.heard(message),
      over: (ending) => this.over(ending),
    });
    void this.attempt.begin();
  }

  private welcomed(): void {
    this.backoff.reset();
    this.refusals = 0;
    this.polling?.stop();
    for (const mode of MODES) {
      const wishes = this.wanted.all.filter((wish) => wish.mode === mode);
      this.ask(
        "subscribe",
        mode,
        wishes.map((wish) => wish.instrument),
      );
    }
    this.setStatus("live");
  }

  private heard(message: Incoming): void {
    if (message.kind === "tick") {
      const { instrument, mode, data } = message;
      this.deliver({ ...instrument, mode, data, source: "stream" });
    } else if (message.kind === "ack") {
      for (const entry of message.entries) this.granted(entry);
      this.changed();
    }
  }

  private granted(entry: Entry): void {
    const granted: Grant = entry.depth === undefined ? {} : { depth: entry.depth };
    for (const mode of entry.mode ? [entry.mode] : MODES) {
      const wish = this.wanted.find(mode, entry);
      if (wish) wish.grant = entry.ok ? granted : { error: entry.message || "refused" };
    }
  }

  private over(ending: Ending): void {
    this.attempt = null;
    this.refusals += ending === "not accepted" ? 1 : 0;
    if (ending === "refused" || this.refusals >= REFUSALS) this.refuse();
    else if (this.isNeeded) this.tryLater();
  }

  private tryLater(): void {
    this.polling?.start();
    this.setStatus(this.polling ? "polling" : "connecting");
    this.retryTimer = setTimeout(() => {
      this.retryTimer = undefined;
      this.begin();
    }, this.backoff.next());
  }

  private refuse(): void {
    this.isRefused = true;
    this.disconnect();
    this.setStatus("refused");
  }

  /** Let go of the connection and of all that was begun for it. */
  private disconnect(): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    this.polling?.stop();
    this.attempt?.end();
    this.attempt = null;
  }

  // --- what is wanted ----------------------------------------------------------------------

  private ask(
    action: "subscribe" | "unsubscribe",
    mode: Mode,
    instruments: readonly Instrument[],
  ): void {
    for (const message of subscriptions(action, mode, instruments)) this.attempt?.send(message);
  }

  private drop(instruments: readonly Instrument[], mode: Mode, listener: Listener): void {
    const gone = this.wanted.remove(instruments, mode, listener);
    if (this.attempt?.isLive) this.ask("unsubscribe", mode, gone);
    if (this.wanted.size > 0) return;
    clearTimeout(this.lingerTimer);
    this.lingerTimer = setTimeout(() => {
      this.disconnect();
      if (!this.isRefused) this.setStatus("idle");
    }, this.options.lingerMs);
  }

  private deliver(tick: Tick): void {
    const wish = this.wanted.find(tick.mode, tick);
    if (!wish) return; // on its way when it was unsubscribed
    wish.last = tick;
    for (const listener of wish.listeners) listener(tick);
  }

  // --- a page that nobody sees -------------------------------------------------------------

  private pause(): void {
    this.isHidden = true;
    this.disconnect();
    if (!this.isRefused) this.setStatus(this.wanted.size > 0 ? "paused" : "idle");
  }

  private goOn(): void {
    this.isHidden = false;
    this.backoff.reset();
    this.begin();
  }

  private setStatus(status: Status): void {
    if (status === this.current) return;
    this.current = status;
    this.changed();
  }

  private changed(): void {
    for (const watcher of [...this.watchers]) watcher();
  }
}
