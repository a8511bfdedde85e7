import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import type { LogLine } from "../live.js";

const LEVEL = / (DEBUG|INFO|WARNING|ERROR|CRITICAL) /;

export function Logs(props: {
  readonly lines: readonly LogLine[];
  readonly missed: number;
  readonly names: readonly string[];
}): ReactNode {
  const [process, setProcess] = useState("");
  const [text, setText] = useState("");
  const [following, setFollowing] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => {
    const needle = text.toLowerCase();
    return props.lines.filter(
      (line) =>
        (!process || line.process === process) && (!needle || line.text.toLowerCase().includes(needle)),
    );
  }, [props.lines, process, text]);
  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown, following]);
  return (
    <section className="panel logs" aria-labelledby="logs-title">
      <div className="head">
        <h2 id="logs-title">Logs</h2>
        <label>
          <span className="sr">Process</span>
          <select value={process} onChange={(event) => setProcess(event.target.value)}>
            <option value="">all processes</option>
            {props.names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          <span className="sr">Text in the line</span>
          <input
            type="search"
            placeholder="Filter"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <label className="check">
          <input
            type="checkbox"
            checked={following}
            onChange={(event) => setFollowing(event.target.checked)}
          />{" "}
          follow
        </label>
        {props.missed > 0 && <span className="mark warn">{props.missed} lines skipped</span>}
      </div>
      <div ref={box} className="lines" tabIndex={0} role="region" aria-label="Log lines">
        {shown.map((line) => (
          <Line key={line.id} line={line} />
        ))}
        {shown.length === 0 && <p className="dim">Nothing yet.</p>}
      </div>
    </section>
  );
}

/** `2026-11-21T12:20:42.671Z LEVEL   name.generation module: text`, or a line of a traceback. */
function Line({ line }: { readonly line: LogLine }): ReactNode {
  const level = LEVEL.exec(line.text)?.[1];
  const isWhole = level !== undefined && /^\d{4}-/.test(line.text);
  const kind = level === "WARNING" ? "warn" : level === "ERROR" || level === "CRITICAL" ? "bad" : "";
  return (
    <div className={`line ${kind}`}>
      {isWhole && <time>{line.text.slice(11, 23)}</time>} <b>{line.process}</b>{" "}
      <span>{isWhole ? line.text.slice(25).replace(/^\w+\s+\S+\s+/, "") : line.text}</span>
    </div>
  );
}
