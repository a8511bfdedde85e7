import { keyOf, type Instrument } from "@openalgo-stream/use-market-data";
import { useState } from "react";

const KEY = "openalgo-stream.watchlist";
const MOST = 200;
const FIRST: readonly Instrument[] = [
  { exchange: "NSE_INDEX", symbol: "NIFTY" },
  ...["RELIANCE", "SBIN", "TCS", "INFY", "HDFCBANK", "ICICIBANK", "ITC"].map((symbol) => ({
    exchange: "NSE",
    symbol,
  })),
];

function stored(): readonly Instrument[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (Array.isArray(value)) {
      return value
        .filter((one): one is Instrument => typeof one?.symbol === "string" && typeof one?.exchange === "string")
        .slice(0, MOST);
    }
  } catch {
    // Something else wrote there: begin anew.
  }
  return FIRST;
}

export interface WatchList {
  readonly instruments: readonly Instrument[];
  readonly add: (instrument: Instrument) => void;
  readonly remove: (instrument: Instrument) => void;
}

/** The instruments that this browser watches. */
export function useWatchList(): WatchList {
  const [instruments, setInstruments] = useState(stored);
  const change = (next: readonly Instrument[]): void => {
    setInstruments(next);
    localStorage.setItem(KEY, JSON.stringify(next));
  };
  const without = (one: Instrument): Instrument[] =>
    instruments.filter((other) => keyOf(other) !== keyOf(one));
  return {
    instruments,
    add: ({ symbol, exchange }) =>
      change([{ symbol, exchange }, ...without({ symbol, exchange })].slice(0, MOST)),
    remove: (one) => change(without(one)),
  };
}
