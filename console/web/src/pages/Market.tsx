import { keyOf, useMarketData, type Instrument, type Tick } from "@openalgo-stream/use-market-data";
import { memo, useEffect, useRef, useState, type ReactNode } from "react";
import * as format from "../format.js";
import { Search } from "../parts/Search.js";
import { TickChart } from "../parts/TickChart.js";
import { useWatchList } from "../watchlist.js";

export default function Market(): ReactNode {
  const list = useWatchList();
  const [chosen, setChosen] = useState<Instrument | undefined>();
  const shown = chosen ?? list.instruments.find((one) => one.exchange === "NSE") ?? list.instruments[0];
  const { data, grants } = useMarketData(list.instruments, "QUOTE");
  return (
    <div className="market">
      <h1 className="sr">Market</h1>
      <section className="panel watch" aria-label="Watch-list">
        <div className="head">
          <Search
            label="Add an instrument"
            onChoose={(found) => {
              list.add(found);
              setChosen({ symbol: found.symbol, exchange: found.exchange });
            }}
          />
        </div>
        <table>
          <thead>
            <tr>
              <th scope="col">Instrument</th>
              <th scope="col" className="n">LTP</th>
              <th scope="col" className="n">Change</th>
              <th scope="col" className="n volume">Volume</th>
              <th scope="col"><span className="sr">Remove</span></th>
            </tr>
          </thead>
          <tbody>
            {list.instruments.map((one) => (
              <WatchRow
                key={keyOf(one)}
                instrument={one}
                tick={data.get(keyOf(one))}
                problem={grants.get(keyOf(one))?.error}
                isShown={shown !== undefined && keyOf(one) === keyOf(shown)}
                onShow={setChosen}
                onRemove={list.remove}
              />
            ))}
          </tbody>
        </table>
      </section>
      {shown && (
        <section className="panel big" aria-label={`Chart of ${shown.symbol}`}>
          <Headline instrument={shown} />
          <TickChart key={keyOf(shown)} instrument={shown} />
        </section>
      )}
    </div>
  );
}

const WatchRow = memo(function WatchRow(props: {
  readonly instrument: Instrument;
  readonly tick: Tick | undefined;
  readonly problem: string | undefined;
  readonly isShown: boolean;
  readonly onShow: (one: Instrument) => void;
  readonly onRemove: (one: Instrument) => void;
}): ReactNode {
  const { instrument, tick, problem } = props;
  const data = tick?.data;
  const kind = direction(data?.change);
  return (
    <tr data-symbol={keyOf(instrument)} className={props.isShown ? "shown" : ""}>
      <th scope="row">
        <button
          className="name"
          aria-pressed={props.isShown}
          onClick={() => props.onShow(instrument)}
        >
          {instrument.symbol}
        </button>
        <span className="dim small">{instrument.exchange}</span>
        {problem && <span className="bad-text small">{problem}</span>}
      </th>
      <td className="n"><Ltp value={data?.ltp} /></td>
      <td className={`n ${kind}`}>
        {format.signed(data?.change)} <span className="small">{format.signed(data?.change_percent, " %")}</span>
      </td>
      <td className="n volume dim">{format.count(data?.volume || null)}</td>
      <td className="n">
        <button
          className="quiet icon"
          aria-label={`Remove ${instrument.symbol}`}
          onClick={() => props.onRemove(instrument)}
        >
          ×
        </button>
      </td>
    </tr>
  );
});

/** A price that shows for a moment which way it went. */
function Ltp({ value }: { readonly value: number | undefined }): ReactNode {
  const before = useRef(value);
  const cell = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const was = before.current;
    before.current = value;
    const element = cell.current;
    if (was === undefined || value === undefined || was === value || !element) return;
    element.classList.remove("rose", "fell");
    void element.offsetWidth; // lets the animation begin anew
    element.classList.add(value > was ? "rose" : "fell");
  }, [value]);
  return (
    <span ref={cell} className="ltp">
      {format.price(value)}
    </span>
  );
}

function Headline({ instrument }: { readonly instrument: Instrument }): ReactNode {
  const { data } = useMarketData([instrument], "QUOTE");
  const quote = data.get(keyOf(instrument))?.data;
  const kind = direction(quote?.change);
  // Not every broker gives every one.
  const facts = (
    [
      ["Open", quote?.open],
      ["High", quote?.high],
      ["Low", quote?.low],
      ["Close", quote?.close],
      ["Average", quote?.average_price],
      ["Bid", quote?.bid_price],
      ["Ask", quote?.ask_price],
    ] as const
  ).filter(([, value]) => value !== undefined);
  return (
    <div className="headline">
      <h2>
        {instrument.symbol} <span className="dim small">{instrument.exchange}</span>
      </h2>
      <p className="price">
        <strong>{format.price(quote?.ltp)}</strong>{" "}
        <span className={kind}>
          {format.signed(quote?.change)} ({format.signed(quote?.change_percent, " %")})
        </span>
      </p>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{format.price(value)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function direction(change: number | undefined): string {
  return !change ? "" : change > 0 ? "up" : "down";
}
