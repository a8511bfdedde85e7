import type { Instrument, MarketData, Mode } from "./types.js";

/** Instruments in one message; the proxy takes 10,000. */
const BATCH = 500;
const MODES: readonly Mode[] = ["LTP", "QUOTE", "DEPTH"];

export type Incoming =
  | { readonly kind: "auth"; readonly ok: boolean; readonly message: string }
  | { readonly kind: "tick"; readonly instrument: Instrument; readonly mode: Mode; readonly data: MarketData }
  | { readonly kind: "ack"; readonly entries: readonly Entry[] }
  | { readonly kind: "other" };

/** One line of a subscribe's answer. */
export interface Entry extends Instrument {
  readonly mode: Mode | undefined;
  readonly ok: boolean;
  readonly message: string;
  readonly depth: number | undefined;
}

export function authenticate(credential: string): string {
  return JSON.stringify({ action: "authenticate", api_key: credential });
}

/** As many messages as the instruments need. */
export function subscriptions(
  action: "subscribe" | "unsubscribe",
  mode: Mode,
  instruments: readonly Instrument[],
): string[] {
  const messages: string[] = [];
  for (let from = 0; from < instruments.length; from += BATCH) {
    const symbols = instruments.slice(from, from + BATCH);
    messages.push(JSON.stringify({ action, mode, symbols }));
  }
  return messages;
}

/** What a message of the proxy says; what is not understood is "other", never an exception. */
export function parse(text: string): Incoming {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return { kind: "other" };
  }
  if (!isRecord(message)) return { kind: "other" };
  switch (message["type"]) {
    case "auth":
      return { kind: "auth", ok: message["status"] === "success", message: word(message["message"]) };
    case "market_data":
      return tick(message);
    case "subscribe":
      return { kind: "ack", entries: entries(message["subscriptions"]) };
    default:
      // A refused login has no type of its own in some servers.
      if (message["status"] === "error" && message["code"] === "AUTHENTICATION_ERROR") {
        return { kind: "auth", ok: false, message: word(message["message"]) };
      }
      return { kind: "other" };
  }
}

function tick(message: Record<string, unknown>): Incoming {
  const { symbol, exchange, data } = message;
  const mode = modeOf(message["mode"]);
  if (typeof symbol !== "string" || typeof exchange !== "string" || !mode || !isRecord(data)) {
    return { kind: "other" };
  }
  return { kind: "tick", instrument: { symbol, exchange }, mode, data: data as MarketData };
}

function entries(value: unknown): Entry[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((entry) => ({
    symbol: word(entry["symbol"]),
    exchange: word(entry["exchange"]),
    mode: modeOf(entry["mode"]),
    ok: entry["status"] === "success",
    message: word(entry["message"]),
    depth: typeof entry["depth"] === "number" ? entry["depth"] : undefined,
  }));
}

/** 1, 2, 3, or a word in any case. */
function modeOf(value: unknown): Mode | undefined {
  if (typeof value === "number") return MODES[value - 1];
  if (typeof value !== "string") return undefined;
  return MODES.find((mode) => mode === value.toUpperCase());
}

const word = (value: unknown): string => (typeof value === "string" ? value : "");

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
