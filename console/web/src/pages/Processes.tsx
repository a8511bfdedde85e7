import { useState, type ReactNode } from "react";
import type { Me } from "../api.js";
import * as format from "../format.js";
import { useLive, type Live, type LiveFeed, type Point, type Process } from "../live.js";
import { Logs } from "../parts/Logs.js";
import { RestartControls, RestartProgress } from "../parts/RestartControls.js";
import { Sparkline } from "../parts/Sparkline.js";
import { StateBadge } from "../parts/StateBadge.js";

export function Processes(props: { readonly me: Me; readonly feed: LiveFeed }): ReactNode {
  const { me, feed } = props;
  const live = useLive(feed);
  return (
    <>
      <h1 className="sr">Processes</h1>
      <Totals live={live} />
      {[...live.restarts.values()].map((restart) => (
        <RestartProgress
          key={restart.name}
          restart={restart}
          onDismiss={() => feed.dismiss(restart.name)}
        />
      ))}
      <section className="panel" aria-label="All processes">
        <table className="processes">
          <thead>
            <tr>
              <th scope="col">Process</th>
              <th scope="col">State</th>
              <th scope="col" className="n">Gen</th>
              <th scope="col" className="n">Restarts</th>
              <th scope="col" className="n">PID</th>
              <th scope="col" className="n">Up</th>
              <th scope="col" className="n">CPU</th>
              <th scope="col" className="n">Memory</th>
              <th scope="col" className="n wide">Ticks/s</th>
              <th scope="col" className="n">Last tick</th>
              <th scope="col" className="n">Lost</th>
              <th scope="col" className="n wide">Latency</th>
              {me.admin && <th scope="col">Restart</th>}
            </tr>
          </thead>
          {live.processes.map((process) => (
            <Row
              key={process.name}
              process={process}
              points={live.history.get(process.name) ?? []}
              controls={
                me.admin ? (
                  <RestartControls
                    process={process}
                    feed={feed}
                    restart={live.restarts.get(process.name)}
                  />
                ) : null
              }
            />
          ))}
        </table>
        {live.processes.length === 0 && <p className="dim pad">Waiting for the first figures…</p>}
      </section>
      {me.admin ? (
        <Logs
          lines={live.lines}
          missed={live.missed}
          names={["supervisor", ...live.processes.map((process) => process.name)]}
        />
      ) : (
        <p className="dim pad">Logs and restarts need a key whose role has the right admin.</p>
      )}
    </>
  );
}

function Totals({ live }: { readonly live: Live }): ReactNode {
  const of = (role: string): Process[] => live.processes.filter((one) => one.role === role);
  const sum = (some: readonly Process[], key: string): number =>
    some.reduce((total, one) => total + (Number(one.stats[key]) || 0), 0);
  const proxies = of("proxy");
  const p99 = Math.max(-1, ...proxies.map((one) => one.point[2] ?? -1));
  const lost = sum([...proxies, ...of("marketdata"), ...of("tap")], "lost_total");
  const down = live.processes.filter((one) => one.state !== "running").length;
  const cards: readonly (readonly [string, string, string])[] = [
    ["From brokers", `${format.rate(sum(of("adapter"), "ticks_per_s"))}`, "ticks/s"],
    ["To clients", `${format.rate(sum(proxies, "delivered_per_s"))}`, "messages/s"],
    ["Clients", format.count(sum(proxies, "clients")), `${format.count(sum(proxies, "subscriptions"))} subscriptions`],
    ["Latency p99", format.latency(p99 < 0 ? null : p99), "to clients"],
    ["Lost", format.count(lost), lost ? "see each process" : "nothing"],
    ["Processes", `${live.processes.length - down} of ${live.processes.length}`, live.supervisor ? `up ${format.duration(live.supervisor.uptime_s)}` : "no supervisor"],
  ];
  return (
    <dl className="cards">
      {cards.map(([name, value, note]) => (
        <div key={name} className="panel">
          <dt>{name}</dt>
          <dd>
            <strong>{value}</strong> <span className="dim">{note}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Row(props: {
  readonly process: Process;
  readonly points: readonly Point[];
  readonly controls: ReactNode;
}): ReactNode {
  const { process, points } = props;
  const [open, setOpen] = useState(false);
  const stat = (key: string): number | null => {
    const value = process.stats[key];
    return typeof value === "number" ? value : null;
  };
  const [ticks, p50, p99] = process.point;
  const lost = stat("lost_total");
  const column = (index: 0 | 1 | 2): (number | null)[] => points.map((point) => point[index]);
  return (
    <tbody data-process={process.name} data-state={process.state}>
      <tr>
        <th scope="row">
          <button
            className="name"
            aria-expanded={open}
            aria-controls={`all-of-${process.name}`}
            onClick={() => setOpen(!open)}
          >
            {process.name}
          </button>
          <span className="dim small">{process.role}</span>
        </th>
        <td data-label="State">
          <StateBadge state={process.state} />
          {process.detail && <span className="detail small">{process.detail}</span>}
        </td>
        <td className="n" data-label="Gen" data-figure="generation">{process.generation}</td>
        <td className="n" data-label="Restarts" data-figure="restarts">{process.restarts}</td>
        <td className="n" data-label="PID" data-figure="pid">{process.pid ?? "–"}</td>
        <td className="n" data-label="Up">{format.duration(process.uptime_s)}</td>
        <td className="n" data-label="CPU">{format.percent(process.cpu_percent)}</td>
        <td className="n" data-label="Memory">{format.bytes(process.rss_bytes)}</td>
        <td className="n wide" data-label="Ticks/s" data-figure="ticks">
          {ticks !== null && (
            <div className="trend">
              <Sparkline label={`Ticks per second of ${process.name}, two minutes`} values={column(0)} />
              <span>{format.rate(ticks)}</span>
            </div>
          )}
        </td>
        <td className="n" data-label="Last tick">
          {"last_tick_age_s" in process.stats && format.age(stat("last_tick_age_s"))}
        </td>
        <td className={`n ${lost ? "bad-text" : ""}`} data-label="Lost">
          {lost !== null && format.count(lost)}
        </td>
        <td className="n wide" data-label="Latency">
          {points.some((point) => point[2] !== null) && (
            <div className="trend">
              <Sparkline
                label={`Latency of ${process.name}, p99 above p50, two minutes`}
                values={column(2)}
                under={column(1)}
              />
              <span className="pair">
                <span className="dim">p50</span> <span>{format.latency(p50)}</span>
                <span className="dim">p99</span> <span>{format.latency(p99)}</span>
              </span>
            </div>
          )}
        </td>
        {props.controls !== null && (
          <td data-label="Restart" className="controls">
            {props.controls}
          </td>
        )}
      </tr>
      {open && (
        <tr className="all" id={`all-of-${process.name}`}>
          <td colSpan={props.controls === null ? 12 : 13}>
            <dl>
              {process.endpoint && <Figure name="endpoint" value={process.endpoint} />}
              {Object.entries(process.stats).map(([name, value]) => (
                <Figure key={name} name={name} value={value} />
              ))}
            </dl>
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Figure(props: { readonly name: string; readonly value: number | string | boolean | null }): ReactNode {
  const { name, value } = props;
  const shown =
    typeof value === "number" ? value.toLocaleString("en-IN") : value === null || value === "" ? "–" : String(value);
  return (
    <div>
      <dt>{name}</dt>
      <dd>{shown}</dd>
    </div>
  );
}
