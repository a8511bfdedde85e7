import { useState, type FormEvent, type ReactNode } from "react";
import { login, type Me } from "../api.js";

export function Login(props: { readonly onLogin: (me: Me) => void }): ReactNode {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get("apikey") ?? "").trim();
    if (!key) return setProblem("Enter an API key.");
    setBusy(true);
    setProblem("");
    login(key).then(props.onLogin, (error: Error) => {
      setProblem(error.message);
      setBusy(false);
    });
  };

  return (
    <main className="login">
      <form className="panel" onSubmit={submit}>
        <h1>openalgo-stream</h1>
        <p className="dim">Live market data and the processes that bring it.</p>
        <label htmlFor="apikey">API key</label>
        <input
          id="apikey"
          name="apikey"
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          autoFocus
          aria-invalid={problem !== ""}
          aria-describedby="login-problem"
        />
        <p id="login-problem" className="problem" role="alert">
          {problem}
        </p>
        <button className="primary" disabled={busy}>
          {busy ? "Checking…" : "Log in"}
        </button>
        <p className="dim small">
          Make one with <code>openalgo-stream keys create NAME</code>; with{" "}
          <code>--role admin</code> it may also restart processes and see logs. The demo prints its own.
        </p>
      </form>
    </main>
  );
}
