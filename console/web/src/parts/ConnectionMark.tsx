import { useMarketDataClient, type Status } from "@openalgo-stream/use-market-data";
import { useSyncExternalStore, type ReactNode } from "react";

const WORDS: Record<Status, readonly [string, string]> = {
  idle: ["", ""],
  connecting: ["connecting…", "warn"],
  live: ["live", "good"],
  polling: ["polling", "warn"],
  paused: ["paused", "warn"],
  refused: ["refused", "bad"],
};

/** How prices come, where the page has any. */
export function ConnectionMark(): ReactNode {
  const client = useMarketDataClient();
  const status = useSyncExternalStore(
    (changed) => client.onChange(changed),
    () => client.status,
  );
  const [word, kind] = WORDS[status];
  return (
    <span role="status" aria-label="Prices" className={word ? `mark ${kind}` : ""}>
      {word}
    </span>
  );
}
