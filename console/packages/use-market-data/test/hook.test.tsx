import { act, cleanup, render } from "@testing-library/react";
import { StrictMode, type ReactNode } from "react";
import { afterEach, expect, it } from "vitest";
import { MarketDataProvider, useMarketData, useTicks } from "../src/useMarketData.js";
import type { Instrument, Mode } from "../src/types.js";
import { made, NSE, settle } from "./fakes.js";

afterEach(cleanup);

const frame = (): Promise<void> =>
  act(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  });

function Price(props: { symbols: readonly Instrument[]; mode?: Mode; renders?: () => void }): ReactNode {
  const { data, status, grants } = useMarketData(props.symbols, props.mode ?? "LTP");
  props.renders?.();
  const prices = [...data].map(([key, tick]) => `${key}=${tick.data.ltp}`).join(" ");
  const errors = [...grants.values()].map((grant) => grant.error ?? "").join("");
  return <p>{`${status} ${prices} ${errors}`.trim()}</p>;
}

it("shows the newest values, and one subscription serves all components", async () => {
  const { client, newest, sockets } = made();
  const view = render(
    <StrictMode>
      <MarketDataProvider client={client}>
        <Price symbols={[NSE("TCS")]} />
        <Price symbols={[NSE("TCS"), NSE("SBIN")]} />
      </MarketDataProvider>
    </StrictMode>,
  );
  await act(settle);
  newest().welcome();
  newest().tick("TCS", 1);
  newest().tick("TCS", 2);
  newest().tick("SBIN", 3);
  await frame();
  const texts = [...view.container.querySelectorAll("p")].map((p) => p.textContent);
  expect(texts).toEqual(["live NSE:TCS=2", "live NSE:TCS=2 NSE:SBIN=3"]);
  expect(sockets).toHaveLength(1);
  expect(newest().asked("subscribe").sort()).toEqual(["LTP NSE:SBIN", "LTP NSE:TCS"]);
});

it("renders once a frame, however many ticks come, and not for a new array of the same", async () => {
  const { client, newest } = made();
  let renders = 0;
  const page = (): ReactNode => (
    <MarketDataProvider client={client}>
      <Price symbols={[NSE("TCS")]} renders={() => (renders += 1)} />
    </MarketDataProvider>
  );
  const view = render(page());
  await act(settle);
  newest().welcome();
  await frame();
  const before = renders;
  for (let n = 0; n < 100; n += 1) newest().tick("TCS", n);
  await frame();
  expect(renders).toBe(before + 1);
  view.rerender(page());
  expect(newest().asked("unsubscribe")).toEqual([]);
  expect(view.container.textContent).toBe("live NSE:TCS=99");
});

it("follows other symbols and modes, and lets go when it leaves", async () => {
  const { client, newest } = made();
  const page = (symbol: string, mode: Mode): ReactNode => (
    <MarketDataProvider client={client}>
      <Price symbols={[NSE(symbol)]} mode={mode} />
    </MarketDataProvider>
  );
  const view = render(page("TCS", "LTP"));
  await act(settle);
  newest().welcome();
  view.rerender(page("M&M:20", "DEPTH"));
  await act(settle);
  expect(newest().asked("subscribe")).toEqual(["LTP NSE:TCS", "DEPTH NSE:M&M:20"]);
  expect(newest().asked("unsubscribe")).toEqual(["LTP NSE:TCS"]);
  view.unmount();
  expect(newest().asked("unsubscribe")).toEqual(["LTP NSE:TCS", "DEPTH NSE:M&M:20"]);
});

it("tells what the proxy refused", async () => {
  const { client, newest } = made();
  const view = render(
    <MarketDataProvider client={client}>
      <Price symbols={[NSE("NOPE")]} />
    </MarketDataProvider>,
  );
  await act(settle);
  newest().welcome();
  const entry = { symbol: "NOPE", exchange: "NSE", status: "error", message: "unknown" };
  newest().say({ type: "subscribe", subscriptions: [entry] });
  await frame();
  expect(view.container.textContent).toBe("live  unknown");
});

it("gives charts every tick without rendering", async () => {
  const { client, newest } = made();
  const seen: (number | undefined)[] = [];
  let renders = 0;
  function Chart(): ReactNode {
    renders += 1;
    useTicks([NSE("TCS")], "LTP", (tick) => seen.push(tick.data.ltp));
    return null;
  }
  render(
    <MarketDataProvider client={client}>
      <Chart />
    </MarketDataProvider>,
  );
  await act(settle);
  newest().welcome();
  for (let n = 0; n < 5; n += 1) newest().tick("TCS", n);
  expect(seen).toEqual([0, 1, 2, 3, 4]);
  expect(renders).toBe(1);
});

it("says what is missing when there is no provider", () => {
  const quiet = console.error;
  console.error = () => {};
  expect(() => render(<Price symbols={[NSE("TCS")]} />)).toThrow("MarketDataProvider");
  console.error = quiet;
});
