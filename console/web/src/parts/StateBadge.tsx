import type { ReactNode } from "react";

const GOOD = new Set(["running"]);
const BAD = new Set(["failed", "crash_loop", "needs_token"]);

export function StateBadge({ state }: { readonly state: string }): ReactNode {
  const kind = GOOD.has(state) ? "good" : BAD.has(state) ? "bad" : "warn";
  return <span className={`mark ${kind}`}>{state.replace("_", " ")}</span>;
}
