import { useEffect, useRef, useState, type ReactNode } from "react";
import { restart as ask } from "../api.js";
import type { LiveFeed, Process, Restart } from "../live.js";

/** These can run twice for a while, so that nothing is missed; their own stats may say otherwise. */
const CAN_OVERLAP = new Set(["adapter", "marketdata", "proxy"]);

export function RestartControls(props: {
  readonly process: Process;
  readonly feed: LiveFeed;
  readonly restart: Restart | undefined;
}): ReactNode {
  const { process, feed, restart } = props;
  const [asking, setAsking] = useState(false);
  const under = restart !== undefined && !restart.over;
  const handsOver =
    CAN_OVERLAP.has(process.role) &&
    process.state === "running" &&
    process.stats["may_overlap"] !== false;
  if (process.role === "console") return <span className="dim small">this page</span>;

  const begin = (hard: boolean): void => {
    setAsking(false);
    feed.expect(process.name);
    ask(process.name, hard).catch((error: Error) => feed.fail(process.name, error.message));
  };
  return (
    <>
      <button
        disabled={under}
        onClick={() => (handsOver ? begin(false) : setAsking(true))}
        aria-label={`${handsOver ? "Hand over" : "Restart"} ${process.name}`}
      >
        {under ? "Working…" : handsOver ? "Hand over" : "Restart"}
      </button>
      {handsOver && (
        <button
          className="quiet"
          disabled={under}
          onClick={() => setAsking(true)}
          aria-label={`Hard restart of ${process.name}`}
        >
          Hard
        </button>
      )}
      {asking && (
        <Confirm
          title={`Stop and start ${process.name}?`}
          text={
            process.role === "proxy"
              ? "Its clients are disconnected and come back by themselves."
              : "What goes through it pauses until it is back; nothing else is touched."
          }
          onYes={() => begin(true)}
          onNo={() => setAsking(false)}
        />
      )}
    </>
  );
}

function Confirm(props: {
  readonly title: string;
  readonly text: string;
  readonly onYes: () => void;
  readonly onNo: () => void;
}): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={props.onNo} aria-labelledby="confirm-title">
      <h2 id="confirm-title">{props.title}</h2>
      <p>{props.text}</p>
      <div className="buttons">
        <button className="primary" onClick={props.onYes}>
          Stop and start
        </button>
        <button onClick={props.onNo}>Cancel</button>
      </div>
    </dialog>
  );
}

/** The steps of a restart as they happen. */
export function RestartProgress(props: {
  readonly restart: Restart;
  readonly onDismiss: () => void;
}): ReactNode {
  const { name, lines, over, failed } = props.restart;
  const kind = over ? (failed ? "bad" : "good") : "warn";
  return (
    <div className={`steps ${kind}`} role="status" aria-label={`Restart of ${name}`}>
      <div className="head">
        <b>{name}</b>
        <span className={`mark ${kind}`}>{over ? (failed ? "failed" : "done") : "under way"}</span>
        {over && (
          <button className="quiet" onClick={props.onDismiss} aria-label={`Dismiss the restart of ${name}`}>
            Dismiss
          </button>
        )}
      </div>
      <ol>
        {lines.map((line, index) => (
          <li key={index}>{line}</li>
        ))}
        {lines.length === 0 && <li>asking the supervisor</li>}
      </ol>
    </div>
  );
}
