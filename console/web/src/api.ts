import { keyOf, type Instrument, type MarketData } from "@openalgo-stream/use-market-data";

export interface Me {
  readonly user: string;
  readonly key: string;
  readonly admin: boolean;
  readonly exchanges: readonly string[] | null;
  readonly version: string;
}

export interface Found extends Instrument {
  readonly adapters: readonly string[];
}

/** An answer that is an error; `message` is for the user. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function call<T>(path: string, body?: unknown): Promise<T> {
  const init: RequestInit =
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        };
  let response: Response;
  try {
    response = await fetch(`/api/${path}`, init);
  } catch {
    throw new ApiError(0, "The console does not answer.");
  }
  const answer: unknown = await response.json().catch(() => ({}));
  if (!response.ok) {
    const text = (answer as { error?: string }).error;
    throw new ApiError(response.status, text ?? `The console answered ${response.status}.`);
  }
  return answer as T;
}

/** Who is logged in; null for nobody. */
export const me = (): Promise<Me | null> => call("me");
export const login = (apikey: string): Promise<Me> => call("login", { apikey });
export const logout = (): Promise<unknown> => call("logout", {});
export const ticket = (): Promise<{ url: string; ticket: string }> => call("ticket", {});

export const restart = (name: string, hard: boolean): Promise<unknown> =>
  call(`processes/${encodeURIComponent(name)}/restart`, { hard });

export async function search(text: string): Promise<readonly Found[]> {
  const query = new URLSearchParams({ q: text, limit: "12" });
  return (await call<{ instruments: Found[] }>(`instruments?${query}`)).instruments;
}

interface QuoteRow extends Instrument {
  readonly data?: MarketData;
}

/** Last values over HTTP, by `EXCHANGE:SYMBOL`. */
export async function quotes(
  instruments: readonly Instrument[],
): Promise<ReadonlyMap<string, MarketData>> {
  const answer = await call<{ results?: QuoteRow[] }>("quotes", { symbols: instruments });
  const rows = (answer.results ?? []).filter((row) => row.data);
  return new Map(rows.map((row) => [keyOf(row), row.data as MarketData]));
}
