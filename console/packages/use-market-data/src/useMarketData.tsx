import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import type { MarketDataClient } from "./client.js";
import { keyOf, type Grant, type Instrument, type Mode, type Status, type Tick } from "./types.js";

const ClientContext = createContext<MarketDataClient | null>(null);

/** Gives the page's one connection to everything below. */
export function MarketDataProvider(props: {
  readonly client: MarketDataClient;
  readonly children?: ReactNode;
}): ReactNode {
  return <ClientContext.Provider value={props.client}>{props.children}</ClientContext.Provider>;
}

/** The page's connection. Throws without a `MarketDataProvider` above. */
export function useMarketDataClient(): MarketDataClient {
  const client = useContext(ClientContext);
  if (!client) throw new Error("useMarketData needs a <MarketDataProvider> above it");
  return client;
}

export interface MarketDataResult {
  /** The newest tick of each instrument, by `EXCHANGE:SYMBOL`. A new map whenever one came. */
  readonly data: ReadonlyMap<string, Tick>;
  readonly status: Status;
  /** What the proxy said to each, by `EXCHANGE:SYMBOL`. */
  readonly grants: ReadonlyMap<string, Grant>;
}

const EMPTY: MarketDataResult = { data: new Map(), status: "idle", grants: new Map() };

/**
 * Live values of some instruments in a mode.
 *
 * Components may ask for the same: it is subscribed once. Renders at most once per frame of the
 * screen, however many ticks come. `symbols` may be a new array each time; what is in it counts.
 */
export function useMarketData(symbols: readonly Instrument[], mode: Mode): MarketDataResult {
  const client = useMarketDataClient();
  const wanted = symbols.map(keyOf).join("\n");
  const instruments = useMemo(
    () =>
      wanted === ""
        ? []
        : wanted.split("\n").map((key) => {
            const colon = key.indexOf(":");
            return { exchange: key.slice(0, colon), symbol: key.slice(colon + 1) };
          }),
    [wanted],
  );
  const snapshot = useRef<MarketDataResult>(EMPTY);

  const subscribe = useCallback(
    (notify: () => void) => {
      const newest = new Map<string, Tick>();
      let frame: number | undefined;
      const publish = (): void => {
        frame = undefined;
        const grants = new Map<string, Grant>();
        for (const instrument of instruments) {
          const grant = client.grant(instrument, mode);
          if (grant) grants.set(keyOf(instrument), grant);
        }
        snapshot.current = { data: new Map(newest), status: client.status, grants };
        notify();
      };
      const soon = (): void => {
        frame ??= requestAnimationFrame(publish);
      };
      const stopWatching = client.onChange(soon);
      const stopListening = client.listen(instruments, mode, (tick) => {
        newest.set(keyOf(tick), tick);
        soon();
      });
      publish();
      return () => {
        if (frame !== undefined) cancelAnimationFrame(frame);
        stopListening();
        stopWatching();
      };
    },
    [client, instruments, mode],
  );
  return useSyncExternalStore(
    subscribe,
    () => snapshot.current,
    () => EMPTY,
  );
}

/** Every single tick, as it comes, without rendering anything: for charts. */
export function useTicks(
  symbols: readonly Instrument[],
  mode: Mode,
  onTick: (tick: Tick) => void,
): void {
  const client = useMarketDataClient();
  const newest = useRef(onTick);
  useEffect(() => {
    newest.current = onTick;
  });
  const wanted = symbols.map(keyOf).join("\n");
  const held = useRef(symbols);
  held.current = symbols;
  useEffect(
    () => client.listen(held.current, mode, (tick) => newest.current(tick)),
    [client, wanted, mode],
  );
}
