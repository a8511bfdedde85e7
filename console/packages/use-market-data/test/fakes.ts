import { MarketDataClient } from "../src/client.js";
import type { Options, Socket } from "../src/options.js";

/** A WebSocket whose other end is the test. */
export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closed = false;

  constructor(readonly url: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
  }

  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  welcome(): void {
    this.onopen?.();
    this.say({ type: "auth", status: "success" });
  }

  tick(symbol: string, ltp: number, mode = 1, exchange = "NSE"): void {
    this.say({ type: "market_data", symbol, exchange, mode, data: { ltp } });
  }

  drop(code = 1006): void {
    this.onclose?.({ code });
  }

  /** What was asked with that action, as `MODE EXCHANGE:SYMBOL`. */
  asked(action: string): string[] {
    return this.sent
      .filter((message) => message["action"] === action)
      .flatMap((message) =>
        (message["symbols"] as { symbol: string; exchange: string }[]).map(
          (one) => `${String(message["mode"])} ${one.exchange}:${one.symbol}`,
        ),
      );
  }
}

/** A client and the sockets that it opened. */
export function made(options: Partial<Options> = {}): {
  client: MarketDataClient;
  sockets: FakeSocket[];
  newest: () => FakeSocket;
} {
  const sockets: FakeSocket[] = [];
  const client = new MarketDataClient({
    access: () => Promise.resolve({ url: "ws://test", credential: "k" }),
    open: (url) => {
      sockets.push(new FakeSocket(url));
      return sockets[sockets.length - 1]!;
    },
    random: () => 1,
    ...options,
  });
  return { client, sockets, newest: () => sockets[sockets.length - 1]! };
}

export const NSE = (symbol: string): { symbol: string; exchange: string } => ({
  symbol,
  exchange: "NSE",
});

/** Let promises that are settled go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

export function setVisibility(state: "visible" | "hidden"): void {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
