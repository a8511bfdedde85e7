import { Backoff } from "./backoff.js";
import { authenticate, parse, subscriptions, type Entry } from "./protocol.js";
import {
  keyOf,
  type Grant,
  type Instrument,
  type MarketData,
  type Mode,
  type Status,
  type Tick,
} from "./types.js";
import { Wanted, type Listener } from "./wanted.js";

/** Where to connect, and what to log in with: an API key, or a ticket that is asked for each time. */
export interface Access {
  readonly url: string;
  readonly credential: string;
}

/** Thrown by `access` when there is no use in asking again: the client is `refused`. */
export class RefusedError extends Error {}

/** The part of a WebSocket that is used; a test brings its own. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export interface Options {
  /** Called before each connection. */
  readonly access: () => Promise<Access>;
  /** Last values over HTTP, by `keyOf`; without it nothing is asked while there is no stream. */
  readonly quotes?: (instruments: readonly Instrument[]) => Promise<ReadonlyMap<string, MarketData>>;
  /** How often, in ms. */
  readonly pollMs?: number;
  /** A page hidden for so long is paused, in ms. */
  readonly hideAfterMs?: number;
  /** A connection that nobody needs any more is closed after so long, in ms. */
  readonly lingerMs?: number;
  readonly firstRetryMs?: number;
  readonly mostRetryMs?: number;
  readonly open?: (url: string) => Socket;
  readonly random?: () => number;
}

const DEFAULTS = {
  pollMs: 2000,
  hideAfterMs: 5000,
  lingerMs: 3000,
  firstRetryMs: 500,
  mostRetryMs: 15000,
};
/** The close code that says that the credential is no good (any more). */
const KEY_REFUSED = 4401;
/** A fresh ticket may come too early for a server that has only just begun. */
const REFUSALS = 3;
const AUTH_WAIT_MS = 10000;

type Timer = ReturnType<typeof setTimeout>;

/**
 * One connection, shared by everybody on the page.
 *
 * It stands while somebody listens and the page is to be seen, subscribes anew after each
 * reconnection, and asks over HTTP while it cannot be had.
 */
export class MarketDataClient {
  private readonly options: Required<Omit<Options, "quotes">> & Pick<Options, "quotes">;
  private readonly wanted = new Wanted();
  private readonly backoff: Backoff;
  private readonly last = new Map<string, Tick>();
  private readonly grants = new Map<string, Grant>();
  private readonly watchers = new Set<() => void>();
  private socket: Socket | null = null;
  /** Grows with each attempt: what belongs to an earlier one is ignored. */
  private attempt = 0;
  private attempting = false;
  private isLive = false;
  private refusals = 0;
  private isRefused = false;
  private isHidden = false;
  private current: Status = "idle";
  private retryTimer: Timer | undefined;
  private authTimer: Timer | undefined;
  private pollTimer: Timer | undefined;
  private hideTimer: Timer | undefined;
  private lingerTimer: Timer | undefined;
  private readonly onVisibility = (): void => this.visibilityChanged();

  constructor(options: Options) {
    this.options = {
      ...DEFAULTS,
      open: (url) => new WebSocket(url) as unknown as Socket,
      random: Math.random,
      ...options,
    };
    this.backoff = new Backoff(
      this.options.firstRetryMs,
      this.options.mostRetryMs,
      this.options.random,
    );
    globalThis.document?.addEventListener("visibilitychange", this.onVisibility);
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
    return this.grants.get(`${mode}|${keyOf(instrument)}`);
  }

  /** Every tick of these from now on, the last known one at once. Returns how to stop that. */
  listen(instruments: readonly Instrument[], mode: Mode, listener: Listener): () => void {
    const held = [...instruments];
    const fresh = this.wanted.add(held, mode, listener);
    clearTimeout(this.lingerTimer);
    for (const instrument of held) {
      const known = this.last.get(`${mode}|${keyOf(instrument)}`);
      if (known) listener(known);
    }
    if (this.isLive) this.ask("subscribe", mode, fresh);
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
    globalThis.document?.removeEventListener("visibilitychange", this.onVisibility);
    clearTimeout(this.hideTimer);
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
    if (!this.isNeeded || this.socket || this.attempting || this.retryTimer !== undefined) return;
    void this.connect();
  }

  private async connect(): Promise<void> {
    const attempt = ++this.attempt;
    this.attempting = true;
    if (this.current !== "polling") this.setStatus("connecting");
    let access: Access;
    try {
      access = await this.options.access();
    } catch (error) {
      if (attempt !== this.attempt) return;
      this.attempting = false;
      if (error instanceof RefusedError) this.refuse();
      else this.failed();
      return;
    }
    if (attempt !== this.attempt) return;
    this.attempting = false;
    this.attach(this.options.open(access.url), access.credential, attempt);
  }

  private attach(socket: Socket, credential: string, attempt: number): void {
    this.socket = socket;
    const isCurrent = (): boolean => this.attempt === attempt;
    // A server that takes the connection and says nothing is one that failed.
    this.authTimer = setTimeout(() => isCurrent() && this.dropSocket(), AUTH_WAIT_MS);
    socket.onopen = () => isCurrent() && socket.send(authenticate(credential));
    socket.onmessage = ({ data }) => isCurrent() && typeof data === "string" && this.received(data);
    socket.onerror = null;
    socket.onclose = ({ code }) => isCurrent() && this.closed(code);
  }

  private received(text: string): void {
    const message = parse(text);
    switch (message.kind) {
      case "tick": {
        const { instrument, mode, data } = message;
        this.deliver({ ...instrument, mode, data, source: "stream" });
        break;
      }
      case "auth":
        if (message.ok) this.welcomed();
        else this.notAccepted();
        break;
      case "ack":
        for (const entry of message.entries) this.granted(entry);
        this.changed();
        break;
      case "other":
        break;
    }
  }

  private welcomed(): void {
    clearTimeout(this.authTimer);
    this.backoff.reset();
    this.refusals = 0;
    this.isLive = true;
    this.stopPolling();
    for (const mode of ["LTP", "QUOTE", "DEPTH"] as const) {
      const wishes = this.wanted.all.filter((wish) => wish.mode === mode);
      this.ask("subscribe", mode, wishes.map((wish) => wish.instrument));
    }
    this.setStatus("live");
  }

  private granted(entry: Entry): void {
    const modes = entry.mode ? [entry.mode] : (["LTP", "QUOTE", "DEPTH"] as const);
    for (const mode of modes) {
      if (!this.wanted.find(mode, entry)) continue;
      const grant: Grant = entry.ok
        ? entry.depth === undefined
          ? {}
          : { depth: entry.depth }
        : { error: entry.message || "refused" };
      this.grants.set(`${mode}|${keyOf(entry)}`, grant);
    }
  }

  private closed(code: number): void {
    if (code === KEY_REFUSED) this.notAccepted();
    else this.dropSocket();
  }

  private dropSocket(): void {
    this.disconnect();
    this.failed();
  }

  private failed(): void {
    if (!this.isNeeded) return;
    if (this.options.quotes) this.startPolling();
    else this.setStatus("connecting");
    this.retryTimer = setTimeout(() => {
      this.retryTimer = undefined;
      this.begin();
    }, this.backoff.next());
  }

  private notAccepted(): void {
    this.refusals += 1;
    if (this.refusals >= REFUSALS) this.refuse();
    else this.dropSocket();
  }

  private refuse(): void {
    this.isRefused = true;
    this.disconnect();
    this.setStatus("refused");
  }

  /** Let go of the connection and of all that was begun for it. */
  private disconnect(): void {
    this.attempt += 1;
    this.attempting = false;
    this.isLive = false;
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    clearTimeout(this.authTimer);
    this.stopPolling();
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
  }

  private ask(
    action: "subscribe" | "unsubscribe",
    mode: Mode,
    instruments: readonly Instrument[],
  ): void {
    for (const message of subscriptions(action, mode, instruments)) this.socket?.send(message);
  }

  private drop(instruments: readonly Instrument[], mode: Mode, listener: Listener): void {
    const gone = this.wanted.remove(instruments, mode, listener);
    for (const instrument of gone) {
      this.last.delete(`${mode}|${keyOf(instrument)}`);
      this.grants.delete(`${mode}|${keyOf(instrument)}`);
    }
    if (this.isLive) this.ask("unsubscribe", mode, gone);
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
    this.last.set(`${tick.mode}|${keyOf(tick)}`, tick);
    for (const listener of wish.listeners) listener(tick);
  }

  // --- without a connection ----------------------------------------------------------------

  private startPolling(): void {
    this.setStatus("polling");
    if (this.pollTimer === undefined) void this.poll();
  }

  private async poll(): Promise<void> {
    const { quotes, pollMs } = this.options;
    if (!quotes) return;
    const attempt = this.attempt;
    const next = setTimeout(() => void this.poll(), pollMs);
    this.pollTimer = next;
    const byKey = new Map(this.wanted.all.map((wish) => [keyOf(wish.instrument), wish.instrument]));
    let values: ReadonlyMap<string, MarketData>;
    try {
      values = await quotes([...byKey.values()]);
    } catch {
      return; // the next one, or the stream, may do better
    }
    // The stream is newer than what was asked for before it came.
    if (this.isLive || (attempt !== this.attempt && this.pollTimer === undefined)) return;
    for (const wish of this.wanted.all) {
      const data = values.get(keyOf(wish.instrument));
      if (data) this.deliver({ ...wish.instrument, mode: wish.mode, data, source: "poll" });
    }
  }

  private stopPolling(): void {
    clearTimeout(this.pollTimer);
    this.pollTimer = undefined;
  }

  // --- a page that nobody sees -------------------------------------------------------------

  private visibilityChanged(): void {
    clearTimeout(this.hideTimer);
    if (globalThis.document.visibilityState === "hidden") {
      this.hideTimer = setTimeout(() => {
        this.isHidden = true;
        this.disconnect();
        if (!this.isRefused) this.setStatus(this.wanted.size > 0 ? "paused" : "idle");
      }, this.options.hideAfterMs);
    } else if (this.isHidden) {
      this.isHidden = false;
      this.backoff.reset();
      this.begin();
    }
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
