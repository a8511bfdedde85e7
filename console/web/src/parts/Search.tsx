import { useEffect, useId, useState, type KeyboardEvent, type ReactNode } from "react";
import { search, type Found } from "../api.js";

const PAUSE_MS = 150;

/** Finds an instrument by a part of its symbol; arrow keys and Enter choose. */
export function Search(props: {
  readonly label: string;
  readonly onChoose: (found: Found) => void;
}): ReactNode {
  const [text, setText] = useState("");
  const [found, setFound] = useState<readonly Found[]>([]);
  const [problem, setProblem] = useState("");
  const [at, setAt] = useState(0);
  const list = useId();
  const open = text.trim() !== "" && (found.length > 0 || problem !== "");

  useEffect(() => {
    const wanted = text.trim();
    if (!wanted) return setFound([]);
    let isCurrent = true;
    const timer = setTimeout(() => {
      search(wanted).then(
        (rows) => {
          if (!isCurrent) return;
          setFound(rows);
          setProblem(rows.length ? "" : "Nothing is called so.");
          setAt(0);
        },
        (error: Error) => {
          if (!isCurrent) return;
          setFound([]);
          setProblem(error.message);
        },
      );
    }, PAUSE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text]);

  const choose = (one: Found | undefined): void => {
    if (!one) return;
    props.onChoose(one);
    setText("");
    setProblem("");
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step !== undefined && found.length) {
      event.preventDefault();
      setAt((at + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(found[at]);
    } else if (event.key === "Escape") {
      setText("");
    }
  };
  return (
    <div className="search">
      <input
        type="search"
        role="combobox"
        aria-label={props.label}
        aria-expanded={open}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={open && found[at] ? `${list}-${at}` : undefined}
        placeholder={props.label}
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <ul id={list} role="listbox" aria-label="Found" hidden={!open || found.length === 0}>
        {found.map((one, index) => (
          <li
            key={`${one.exchange}:${one.symbol}`}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseDown={(event) => {
              event.preventDefault();
              choose(one);
            }}
          >
            <b>{one.symbol}</b> <span className="dim">{one.exchange}</span>{" "}
            <span className="dim small">{one.adapters.join(", ")}</span>
          </li>
        ))}
      </ul>
      {open && problem && (
        <p className="none small" role="status">
          {problem}
        </p>
      )}
    </div>
  );
}
