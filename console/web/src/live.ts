import { useSyncExternalStore } from "react";

/** ticks/s, p50 and p99 in microseconds, CPU in percent of a core; null where nothing was measured. */
export type Point = readonly [number | null, number | null, number | null, number | null];

export interface Process {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly pid: number | null;
  readonly generation: number;
  readonly restarts: number;
  readonly uptime_s: number | null;
  readonly endpoint: string;
  readonly cpu_percent: number | null;
  readonly rss_bytes: number | null;
  readonly heartbeat_age_s: number | null;
  readonly detail: string;
  readonly stats: Readonly<Record<string, number | string | boolean | null>>;
  readonly point: Point;
}

export interface Restart {
  readonly name: string;
  readonly lines: readonly string[];
  readonly over: boolean;
  readonly failed: boolean;
}

export interface LogLine {
  readonly id: number;
  readonly process: string;
  readonly text: string;
}

export interface Live {
  /** Whether the console itself answers. */
  readonly connected: boolean;
  readonly at: number;
  readonly supervisor: { readonly pid: number; readonly uptime_s: number; readonly version: string } | null;
  readonly processes: readonly Process[];
  readonly history: ReadonlyMap<string, readonly Point[]>;
  readonly lines: readonly LogLine[];
  readonly missed: number;
  readonly restarts: ReadonlyMap<string, Restart>;
}

const POINTS = 180;
const LINES = 600;
const NOTHING: Live = {
  connected: false,
  at: 0,
  supervisor: null,
  processes: [],
  history: new Map(),
  lines: [],
  missed: 0,
  restarts: new Map(),
};

/** What the console tells all the time, as one immutable value that is replaced. */
export class LiveFeed {
  private value = NOTHING;
  private source: EventSource | null = null;
  private lastLine = 0;
  private readonly watchers = new Set<() => void>();

  constructor(private readonly onSessionEnd: () => void) {}

  open(): void {
    const source = new EventSource("/api/events");
    this.source = source;
    const on = <T>(kind: string, take: (data: T) => Partial<Live>): void =>
      source.addEventListener(kind, (event) =>
        this.set(take(JSON.parse((event as MessageEvent<string>).data) as T)),
      );
    on<Record<string, Point[]>>("history", (data) => ({
      connected: true,
      history: new Map(Object.entries(data)),
      lines: [],
      missed: 0,
    }));
    on<Pick<Live, "at" | "supervisor" | "processes">>("status", (data) => this.status(data));
    on<{ lines: { process: string; text: string }[]; missed: number }>("logs", (data) => ({
      lines: [
        ...this.value.lines,
        ...data.lines.map((line) => ({ ...line, id: (this.lastLine += 1) })),
      ].slice(-LINES),
      missed: this.value.missed + data.missed,
    }));
    on<Restart>("restart", (data) => ({
      restarts: new Map(this.value.restarts).set(data.name, data),
    }));
    source.addEventListener("end", (event) => {
      const { reason } = JSON.parse((event as MessageEvent<string>).data) as { reason: string };
      if (reason === "session") this.onSessionEnd();
    });
    source.onerror = () => {
      this.set({ connected: false });
      // The browser tries again by itself, but not after an answer that is an error.
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        setTimeout(() => {
          if (this.source !== source) return;
          this.close();
          this.open();
          this.onSessionEnd();
        }, 2000);
      }
    };
  }

  close(): void {
    this.source?.close();
    this.source = null;
  }

  /** A restart that is asked for, before the first word about it comes. */
  expect(name: string): void {
    const restart = { name, lines: [], over: false, failed: false };
    this.set({ restarts: new Map(this.value.restarts).set(name, restart) });
  }

  fail(name: string, why: string): void {
    const restart = { name, lines: [why], over: true, failed: true };
    this.set({ restarts: new Map(this.value.restarts).set(name, restart) });
  }

  dismiss(name: string): void {
    const restarts = new Map(this.value.restarts);
    restarts.delete(name);
    this.set({ restarts });
  }

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  readonly now = (): Live => this.value;

  private status(data: Pick<Live, "at" | "supervisor" | "processes">): Partial<Live> {
    // The first status repeats the last point of the history that came with it.
    if (data.at === this.value.at || this.value.at === 0) return data;
    const history = new Map<string, readonly Point[]>();
    for (const process of data.processes) {
      const before = this.value.history.get(process.name) ?? [];
      history.set(process.name, [...before, process.point].slice(-POINTS));
    }
    return { ...data, history };
  }

  private set(change: Partial<Live>): void {
    this.value = { ...this.value, ...change };
    for (const watcher of this.watchers) watcher();
  }
}

export const useLive = (feed: LiveFeed): Live => useSyncExternalStore(feed.watch, feed.now);
