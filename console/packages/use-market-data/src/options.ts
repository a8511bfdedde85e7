import type { Instrument, MarketData } from "./types.js";

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

/** What an `Options` leaves out. */
export const DEFAULTS = {
  pollMs: 2000,
  hideAfterMs: 5000,
  lingerMs: 3000,
  firstRetryMs: 500,
  mostRetryMs: 15000,
  open: (url: string): Socket => new WebSocket(url) as unknown as Socket,
  random: Math.random,
};
