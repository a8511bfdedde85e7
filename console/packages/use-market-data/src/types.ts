/** What the proxy can be asked for. */
export type Mode = "LTP" | "QUOTE" | "DEPTH";

/** `symbol` may ask for a deep book: `RELIANCE:20`. */
export interface Instrument {
  readonly symbol: string;
  readonly exchange: string;
}

/** Price in rupees, quantity in units. */
export interface Level {
  readonly price: number;
  readonly quantity: number;
  readonly orders?: number;
}

/** The `data` of a push: what the broker gives is there, the rest is left out. Times in Unix ms. */
export interface MarketData {
  readonly ltp?: number;
  readonly ltt?: number;
  readonly volume?: number;
  readonly timestamp?: number;
  readonly open?: number;
  readonly high?: number;
  readonly low?: number;
  readonly close?: number;
  readonly change?: number;
  readonly change_percent?: number;
  readonly average_price?: number;
  readonly oi?: number;
  readonly bid_price?: number;
  readonly ask_price?: number;
  readonly bid_size?: number;
  readonly ask_size?: number;
  readonly total_buy_quantity?: number;
  readonly total_sell_quantity?: number;
  readonly depth?: { readonly buy: readonly Level[]; readonly sell: readonly Level[] };
}

export interface Tick extends Instrument {
  readonly mode: Mode;
  readonly data: MarketData;
  /** Who brought it: the WebSocket, or a question over HTTP. */
  readonly source: "stream" | "poll";
}

/**
 * idle        nobody wants anything
 * connecting  on the way, also again
 * live        subscribed
 * polling     on the way, and meanwhile asking over HTTP
 * paused      the page is hidden
 * refused     the credential is not accepted; `retry` tries again
 */
export type Status = "idle" | "connecting" | "live" | "polling" | "paused" | "refused";

/** What the proxy granted or refused for one subscription. */
export interface Grant {
  /** Levels a side, in mode DEPTH. */
  readonly depth?: number;
  /** Why there will be no ticks. */
  readonly error?: string;
}

/** `EXCHANGE:SYMBOL`, as in `NSE:RELIANCE`. */
export function keyOf(instrument: Instrument): string {
  return `${instrument.exchange}:${instrument.symbol}`;
}
