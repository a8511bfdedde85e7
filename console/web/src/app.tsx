import {
  MarketDataClient,
  MarketDataProvider,
  RefusedError,
} from "@openalgo-stream/use-market-data";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import * as api from "./api.js";
import { LiveFeed, useLive } from "./live.js";
import { Depth } from "./pages/Depth.js";
import { Login } from "./pages/Login.js";
import { Processes } from "./pages/Processes.js";
import { ConnectionMark } from "./parts/ConnectionMark.js";
import { ThemeSwitch } from "./parts/ThemeSwitch.js";
import { follow, usePath } from "./router.js";

/** Apart, since only this page needs the chart's library. */
const Market = lazy(() => import("./pages/Market.js"));

export function App(): ReactNode {
  const [me, setMe] = useState<api.Me | null | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const look = useCallback(() => {
    api.me().then(
      (found) => {
        setMe(found);
        setProblem("");
      },
      (error: Error) => setProblem(error.message),
    );
  }, []);
  useEffect(look, [look]);
  if (me === undefined) {
    return problem ? (
      <main className="blank">
        <p role="alert">{problem}</p>
        <button onClick={look}>Try again</button>
      </main>
    ) : null;
  }
  if (me === null) return <Login onLogin={setMe} />;
  return <Inside me={me} onSessionEnd={look} onLogout={() => setMe(null)} />;
}

function Inside(props: {
  readonly me: api.Me;
  readonly onSessionEnd: () => void;
  readonly onLogout: () => void;
}): ReactNode {
  const { me, onSessionEnd } = props;
  const feed = useMemo(() => new LiveFeed(onSessionEnd), [onSessionEnd]);
  useEffect(() => {
    feed.open();
    return () => feed.close();
  }, [feed]);
  const client = useMemo(() => new MarketDataClient({ access, quotes: api.quotes }), []);
  const path = usePath();
  const leave = (): void => {
    client.close();
    void api.logout().finally(props.onLogout);
  };
  return (
    <MarketDataProvider client={client}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="bar">
        <span className="brand">openalgo-stream</span>
        <nav aria-label="Pages">
          <Link to="/" path={path}>
            Processes
          </Link>
          <Link to="/market" path={path}>
            Market
          </Link>
          <Link to="/websocket/test" path={path} prefix>
            Depth
          </Link>
        </nav>
        <span className="spring" />
        <Supervisor feed={feed} />
        <ConnectionMark />
        <ThemeSwitch />
        <span className="who" title={me.admin ? "administrator" : "no right to restart"}>
          {me.key}
        </span>
        <button className="quiet" onClick={leave}>
          Log out
        </button>
      </header>
      <main id="main">
        <Page path={path} me={me} feed={feed} />
      </main>
    </MarketDataProvider>
  );
}

function Page(props: { readonly path: string; readonly me: api.Me; readonly feed: LiveFeed }): ReactNode {
  const { path, me, feed } = props;
  if (path === "/market") {
    return (
      <Suspense fallback={null}>
        <Market />
      </Suspense>
    );
  }
  const depth = /^\/websocket\/test(?:\/(20|30|50))?$/.exec(path);
  if (depth) return <Depth levels={Number(depth[1] ?? 5)} />;
  return <Processes me={me} feed={feed} />;
}

function Link(props: {
  readonly to: string;
  readonly path: string;
  readonly prefix?: boolean;
  readonly children: ReactNode;
}): ReactNode {
  const here = props.prefix ? props.path.startsWith(props.to) : props.path === props.to;
  return (
    <a href={props.to} onClick={follow} aria-current={here ? "page" : undefined}>
      {props.children}
    </a>
  );
}

function Supervisor({ feed }: { readonly feed: LiveFeed }): ReactNode {
  const live = useLive(feed);
  if (!live.connected) return <span className="mark bad">console unreachable</span>;
  if (live.at && !live.supervisor) {
    return <span className="mark warn">no supervisor; ticks go on</span>;
  }
  return null;
}

/** A ticket in place of the key, which is nowhere in this page. */
async function access(): Promise<{ url: string; credential: string }> {
  try {
    const { url, ticket } = await api.ticket();
    return { url, credential: ticket };
  } catch (error) {
    if (error instanceof api.ApiError && error.status === 401) throw new RefusedError(error.message);
    throw error;
  }
}
