import { keyOf, useMarketData, type Instrument, type Level } from "@openalgo-stream/use-market-data";
import { useState, type ReactNode } from "react";
import * as format from "../format.js";
import { Search } from "../parts/Search.js";
import { follow } from "../router.js";
import { useWatchList } from "../watchlist.js";

const CHOICES = [5, 20, 30, 50] as const;
const REMEMBERED = "openalgo-stream.depth";
const FALLBACK: Instrument = { symbol: "RELIANCE", exchange: "NSE" };

export function Depth({ levels }: { readonly levels: number }): ReactNode {
  const list = useWatchList();
  const [instrument, setInstrument] = useState(remembered);
  const choose = ({ symbol, exchange }: Instrument): void => {
    sessionStorage.setItem(REMEMBERED, `${exchange}:${symbol}`);
    setInstrument({ symbol, exchange });
  };
  const spelled = levels === 5 ? instrument.symbol : `${instrument.symbol}:${levels}`;
  const asked = { symbol: spelled, exchange: instrument.exchange };
  const { data, grants } = useMarketData([asked], "DEPTH");
  const tick = data.get(keyOf(asked))?.data;
  const grant = grants.get(keyOf(asked));
  const buy = tick?.depth?.buy ?? [];
  const sell = tick?.depth?.sell ?? [];
  const there = Math.max(buy.length, sell.length);
  const names = list.instruments.some((one) => keyOf(one) === keyOf(instrument))
    ? list.instruments
    : [instrument, ...list.instruments];
  return (
    <div className="depth">
      <h1 className="sr">Market depth</h1>
      <div className="panel head">
        <Search label="Find an instrument" onChoose={choose} />
        <label>
          <span className="sr">Instrument</span>
          <select
            value={keyOf(instrument)}
            onChange={(event) => choose(parsed(event.target.value) ?? FALLBACK)}
          >
            {names.map((one) => (
              <option key={keyOf(one)} value={keyOf(one)}>
                {one.symbol} · {one.exchange}
              </option>
            ))}
          </select>
        </label>
        <nav className="tabs" aria-label="Levels">
          {CHOICES.map((choice) => (
            <a
              key={choice}
              href={choice === 5 ? "/websocket/test" : `/websocket/test/${choice}`}
              onClick={follow}
              aria-current={choice === levels ? "page" : undefined}
            >
              {choice}
              <span className="sr"> levels</span>
            </a>
          ))}
        </nav>
      </div>
      <section
        className="panel ladder"
        aria-label={`Order book of ${instrument.symbol}`}
        data-levels={there}
        data-price={tick?.ltp}
      >
        <div className="headline">
          <h2>
            {instrument.symbol} <span className="dim small">{instrument.exchange}</span>
          </h2>
          <p className="price">
            <strong>{format.price(tick?.ltp)}</strong>{" "}
            <span className="dim">spread {format.price(spread(buy, sell))}</span>
          </p>
          <Imbalance buy={tick?.total_buy_quantity ?? total(buy)} sell={tick?.total_sell_quantity ?? total(sell)} />
        </div>
        {grant?.error && (
          <p className="problem" role="alert">
            {grant.error}
          </p>
        )}
        {grant?.depth !== undefined && grant.depth < levels && (
          <p className="dim small pad" role="status">
            The broker gives {grant.depth} levels of this instrument.
          </p>
        )}
        <Ladder buy={buy} sell={sell} levels={Math.max(there, 5)} />
      </section>
    </div>
  );
}

/** Bids at the left, asks at the right, the best on top; bars show quantities against the largest. */
function Ladder(props: {
  readonly buy: readonly Level[];
  readonly sell: readonly Level[];
  readonly levels: number;
}): ReactNode {
  const { buy, sell } = props;
  const most = Math.max(1, ...buy.map((one) => one.quantity), ...sell.map((one) => one.quantity));
  return (
    <table>
      <thead>
        <tr>
          <th scope="col" className="n orders">Orders</th>
          <th scope="col" className="n">Quantity</th>
          <th scope="col" className="n">Bid</th>
          <th scope="col">Ask</th>
          <th scope="col">Quantity</th>
          <th scope="col" className="orders">Orders</th>
        </tr>
      </thead>
      <tbody>
        {Array.from({ length: props.levels }, (_, index) => {
          const [bid, ask] = [buy[index], sell[index]];
          return (
            <tr key={index}>
              <td className="n orders dim">{format.count(bid?.orders || null)}</td>
              <Quantity level={bid} most={most} side="bid" />
              <td className="n up">{format.price(bid?.price)}</td>
              <td className="down">{format.price(ask?.price)}</td>
              <Quantity level={ask} most={most} side="ask" />
              <td className="orders dim">{format.count(ask?.orders || null)}</td>
            </tr>
          );
        })}
      </tbody>
      <tfoot>
        <tr>
          <td className="orders" />
          <td className="n">{format.count(total(buy) || null)}</td>
          <td className="n dim">total</td>
          <td className="dim">total</td>
          <td>{format.count(total(sell) || null)}</td>
          <td className="orders" />
        </tr>
      </tfoot>
    </table>
  );
}

function Quantity(props: {
  readonly level: Level | undefined;
  readonly most: number;
  readonly side: "bid" | "ask";
}): ReactNode {
  const { level, side } = props;
  const part = level ? (level.quantity / props.most) * 100 : 0;
  return (
    <td className={`quantity ${side} ${side === "bid" ? "n" : ""}`}>
      <span className="fill" style={{ width: `${part.toFixed(1)}%` }} />
      <span>{format.count(level?.quantity)}</span>
    </td>
  );
}

function Imbalance({ buy, sell }: { readonly buy: number; readonly sell: number }): ReactNode {
  if (!buy && !sell) return null;
  const part = (buy / (buy + sell)) * 100;
  return (
    <div
      className="imbalance"
      role="img"
      aria-label={`${part.toFixed(0)} percent of all quantity is on the buying side`}
    >
      <span className="up">{format.count(buy)}</span>
      <span className="track">
        <span className="fill" style={{ width: `${part.toFixed(1)}%` }} />
      </span>
      <span className="down">{format.count(sell)}</span>
    </div>
  );
}

const total = (levels: readonly Level[]): number => levels.reduce((sum, one) => sum + one.quantity, 0);

function spread(buy: readonly Level[], sell: readonly Level[]): number | undefined {
  const [bid, ask] = [buy[0]?.price, sell[0]?.price];
  return bid && ask ? ask - bid : undefined;
}

function parsed(key: string | null): Instrument | undefined {
  const colon = key?.indexOf(":") ?? -1;
  if (!key || colon < 1) return undefined;
  return { exchange: key.slice(0, colon), symbol: key.slice(colon + 1) };
}

function remembered(): Instrument {
  return parsed(sessionStorage.getItem(REMEMBERED)) ?? FALLBACK;
}
