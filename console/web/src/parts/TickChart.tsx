import { useTicks, type Instrument } from "@openalgo-stream/use-market-data";
import {
  AreaSeries,
  createChart,
  CrosshairMode,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { count, price as priced } from "../format.js";
import { colour, onThemeChange } from "../theme.js";

/** Ticks that the chart keeps. */
const KEPT = 20000;
/** So many are shown at a glance; from then on the chart scrolls. */
const FITTED = 240;
/** Ticks' worth of room at the right. */
const RIGHT = 4;
const time = new Intl.DateTimeFormat("en-IN", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});
const clock = (seconds: unknown): string => time.format(Number(seconds) * 1000);

/** Every tick of one instrument since the page began to look, by the time at which it came. */
export function TickChart({ instrument }: { readonly instrument: Instrument }): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<{ api: IChartApi; series: ISeriesApi<"Area"> } | null>(null);
  const last = useRef(0);
  const drawn = useRef(0);
  const gap = useRef(0);
  const [told, setTold] = useState({ ticks: 0, gapMs: 0 });
  const name = `${instrument.exchange}:${instrument.symbol}`;

  useEffect(() => {
    // The logo would bring a style of its own, which our security policy forbids; the caption has
    // the attribution.
    const layout = { attributionLogo: false };
    const api = createChart(box.current!, { autoSize: true, layout });
    const series = api.addSeries(AreaSeries, { lineWidth: 2, priceLineVisible: true });
    const paint = (): void => {
      api.applyOptions({
        layout: {
          background: { color: "transparent" },
          textColor: colour("dim"),
          fontFamily: "inherit",
        },
        grid: { vertLines: { visible: false }, horzLines: { color: colour("line") } },
        crosshair: { mode: CrosshairMode.Magnet },
        rightPriceScale: { borderVisible: false },
        timeScale: {
          borderVisible: false,
          timeVisible: true,
          secondsVisible: true,
          rightOffset: RIGHT,
          tickMarkFormatter: clock,
        },
        localization: { timeFormatter: clock, priceFormatter: priced },
      });
      series.applyOptions({
        lineColor: colour("accent"),
        topColor: colour("accent", 0.25),
        bottomColor: colour("accent", 0.02),
      });
    };
    paint();
    const stop = onThemeChange(paint);
    const fit = (): void => {
      const shown = series.data().length;
      if (shown < FITTED) api.timeScale().fitContent();
      else if (api.timeScale().scrollPosition() >= 0) {
        // Nobody has scrolled back: the newest fill the chart, however wide it is now.
        api.timeScale().setVisibleLogicalRange({ from: shown - FITTED, to: shown + RIGHT });
      }
    };
    api.timeScale().subscribeSizeChange(fit);
    chart.current = { api, series };
    last.current = drawn.current = gap.current = 0;
    setTold({ ticks: 0, gapMs: 0 });
    const counting = setInterval(
      () => setTold({ ticks: drawn.current, gapMs: gap.current }),
      500,
    );
    return () => {
      clearInterval(counting);
      stop();
      chart.current = null;
      api.remove();
    };
  }, [name]);

  useTicks([instrument], "QUOTE", (tick) => {
    const price = tick.data.ltp;
    if (price === undefined || !chart.current) return;
    // Each tick has a place of its own: two in one millisecond are a microsecond apart.
    const now = Math.max(Date.now() / 1000, last.current + 1e-6);
    if (last.current) gap.current = Math.max(gap.current, (now - last.current) * 1000);
    last.current = now;
    chart.current.series.update({ time: now as UTCTimestamp, value: price });
    drawn.current += 1;
    if (drawn.current < FITTED) chart.current.api.timeScale().fitContent();
    if (drawn.current % KEPT === 0) {
      chart.current.series.setData([...chart.current.series.data().slice(-KEPT / 2)]);
    }
  });

  return (
    <figure className="chart" data-ticks={told.ticks} data-gap-ms={told.gapMs.toFixed(0)}>
      <div ref={box} role="img" aria-label={`Ticks of ${name} since the page was opened`} />
      <figcaption className="dim small">
        {count(told.ticks)} ticks, longest pause {(told.gapMs / 1000).toFixed(1)} s ·{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer">
          Charts by TradingView
        </a>
      </figcaption>
    </figure>
  );
}
