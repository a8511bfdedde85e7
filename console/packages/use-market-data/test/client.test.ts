import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RefusedError } from "../src/options.js";
import type { MarketData, Tick } from "../src/types.js";
import { made, NSE, settle, setVisibility } from "./fakes.js";

beforeEach(() => {
  vi.useFakeTimers();
  setVisibility("visible");
});
afterEach(() => vi.useRealTimers());

describe("one connection", () => {
  it("is opened when somebody listens, logs in, and asks once for what several want", async () => {
    const { client, sockets, newest } = made();
    expect(client.status).toBe("idle");
    client.listen([NSE("TCS"), NSE("SBIN")], "LTP", () => {});
    client.listen([NSE("TCS")], "LTP", () => {});
    client.listen([NSE("TCS")], "QUOTE", () => {});
    await settle();
    expect(sockets).toHaveLength(1);
    expect(client.status).toBe("connecting");
    newest().welcome();
    expect(newest().sent[0]).toEqual({ action: "authenticate", api_key: "k" });
    expect(newest().asked("subscribe")).toEqual(["LTP NSE:TCS", "LTP NSE:SBIN", "QUOTE NSE:TCS"]);
    expect(client.status).toBe("live");
  });

  it("asks later for what is new only, and withdraws what nobody wants", async () => {
    const { client, newest } = made();
    const stopFirst = client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().welcome();
    const stopSecond = client.listen([NSE("TCS"), NSE("INFY")], "LTP", () => {});
    expect(newest().asked("subscribe")).toEqual(["LTP NSE:TCS", "LTP NSE:INFY"]);
    stopFirst();
    stopFirst();
    expect(newest().asked("unsubscribe")).toEqual([]);
    stopSecond();
    expect(newest().asked("unsubscribe")).toEqual(["LTP NSE:TCS", "LTP NSE:INFY"]);
  });

  it("is closed a while after the last listener left, and not for a short absence", async () => {
    const { client, sockets, newest } = made({ lingerMs: 1000 });
    const stop = client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().welcome();
    stop();
    vi.advanceTimersByTime(900);
    const stopAgain = client.listen([NSE("TCS")], "LTP", () => {});
    vi.advanceTimersByTime(5000);
    expect(newest().closed).toBe(false);
    stopAgain();
    vi.advanceTimersByTime(1000);
    expect(newest().closed).toBe(true);
    expect(client.status).toBe("idle");
    expect(sockets).toHaveLength(1);
  });

  it("sends many instruments in several messages", async () => {
    const { client, newest } = made();
    client.listen(Array.from({ length: 1200 }, (_, n) => NSE(`S${n}`)), "LTP", () => {});
    await settle();
    newest().welcome();
    expect(newest().sent.filter((message) => message["action"] === "subscribe")).toHaveLength(3);
    expect(newest().asked("subscribe")).toHaveLength(1200);
  });
});

describe("ticks", () => {
  it("go to whom they concern, in their mode", async () => {
    const { client, newest } = made();
    const ltp: Tick[] = [];
    const quote: Tick[] = [];
    client.listen([NSE("TCS")], "LTP", (tick) => ltp.push(tick));
    client.listen([NSE("TCS")], "QUOTE", (tick) => quote.push(tick));
    await settle();
    newest().welcome();
    newest().tick("TCS", 10, 1);
    newest().tick("TCS", 11, 2);
    newest().tick("INFY", 12, 1);
    expect(ltp.map((tick) => tick.data.ltp)).toEqual([10]);
    expect(quote.map((tick) => tick.data.ltp)).toEqual([11]);
    expect(ltp[0]?.source).toBe("stream");
  });

  it("come at once to who joins later", async () => {
    const { client, newest } = made();
    client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().welcome();
    newest().tick("TCS", 10);
    const seen: (number | undefined)[] = [];
    client.listen([NSE("TCS")], "LTP", (tick) => seen.push(tick.data.ltp));
    expect(seen).toEqual([10]);
  });

  it("of an earlier connection are not taken", async () => {
    const { client, sockets } = made({ firstRetryMs: 100 });
    const seen: (number | undefined)[] = [];
    client.listen([NSE("TCS")], "LTP", (tick) => seen.push(tick.data.ltp));
    await settle();
    sockets[0]!.welcome();
    sockets[0]!.drop();
    sockets[0]!.tick("TCS", 1);
    expect(seen).toEqual([]);
  });

  it("that are no messages of ours are passed over", async () => {
    const { client, newest } = made();
    const seen: Tick[] = [];
    client.listen([NSE("TCS")], "LTP", (tick) => seen.push(tick));
    await settle();
    newest().welcome();
    const nonsense = ["{", "[]", "null", '"x"', { type: "market_data" }, { type: "subscribe" }, {
      type: "market_data", symbol: "TCS", exchange: "NSE", mode: 9, data: {},
    }];
    for (const message of nonsense) newest().say(message);
    expect(seen).toEqual([]);
    expect(client.status).toBe("live");
  });
});

describe("what the proxy grants", () => {
  it("is known per instrument", async () => {
    const { client, newest } = made();
    client.listen([NSE("TCS:20"), NSE("NOPE")], "DEPTH", () => {});
    await settle();
    newest().welcome();
    expect(client.grant(NSE("TCS:20"), "DEPTH")).toBeUndefined();
    newest().say({
      type: "subscribe",
      subscriptions: [
        { symbol: "TCS:20", exchange: "NSE", status: "success", mode: "Depth", depth: 5 },
        { symbol: "NOPE", exchange: "NSE", status: "error", message: "no NOPE" },
      ],
    });
    expect(client.grant(NSE("TCS:20"), "DEPTH")).toEqual({ depth: 5 });
    expect(client.grant(NSE("NOPE"), "DEPTH")).toEqual({ error: "no NOPE" });
  });
});

describe("a lost connection", () => {
  it("comes back with growing pauses and subscribes everything anew", async () => {
    const { client, sockets, newest } = made({ firstRetryMs: 100, mostRetryMs: 400 });
    client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().welcome();
    client.listen([NSE("INFY")], "DEPTH", () => {});
    const waits: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      newest().drop();
      const before = sockets.length;
      let waited = 0;
      while (sockets.length === before) {
        vi.advanceTimersByTime(50);
        waited += 50;
        await settle();
      }
      waits.push(waited);
    }
    expect(waits).toEqual([100, 200, 400, 400]);
    newest().welcome();
    expect(newest().asked("subscribe")).toEqual(["LTP NSE:TCS", "DEPTH NSE:INFY"]);
    expect(client.status).toBe("live");
    newest().drop();
    vi.advanceTimersByTime(100);
    await settle();
    expect(sockets).toHaveLength(6);
  });

  it("asks for access each time", async () => {
    const access = vi.fn(() => Promise.resolve({ url: "ws://test", credential: "k" }));
    const { client, newest } = made({ access, firstRetryMs: 10 });
    client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().drop();
    vi.advanceTimersByTime(10);
    await settle();
    expect(access).toHaveBeenCalledTimes(2);
  });

  it("is noticed when the server takes it and then says nothing", async () => {
    const { client, sockets, newest } = made({ firstRetryMs: 10 });
    client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().onopen?.();
    vi.advanceTimersByTime(10000);
    expect(newest().closed).toBe(true);
    vi.advanceTimersByTime(10);
    await settle();
    expect(sockets).toHaveLength(2);
  });
});

describe("a credential that is not accepted", () => {
  it("is tried three times, with fresh access, and then no more until asked to", async () => {
    const { client, sockets, newest } = made({ firstRetryMs: 10, mostRetryMs: 10 });
    client.listen([NSE("TCS")], "LTP", () => {});
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await settle();
      newest().onopen?.();
      newest().say({ status: "error", code: "AUTHENTICATION_ERROR", message: "Invalid API key" });
      vi.advanceTimersByTime(10);
    }
    expect(client.status).toBe("refused");
    vi.advanceTimersByTime(60000);
    await settle();
    expect(sockets).toHaveLength(3);
    client.retry();
    await settle();
    newest().welcome();
    expect(client.status).toBe("live");
  });

  it("is final at once when access says so", async () => {
    const { client, sockets } = made({ access: () => Promise.reject(new RefusedError("no")) });
    client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    expect(client.status).toBe("refused");
    expect(sockets).toHaveLength(0);
  });

  it("is noticed when the key is revoked later", async () => {
    const { client, newest } = made({ firstRetryMs: 10, mostRetryMs: 10 });
    client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().welcome();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      newest().drop(4401);
      vi.advanceTimersByTime(10);
      await settle();
    }
    expect(client.status).toBe("refused");
  });
});

describe("without a connection", () => {
  const values = new Map<string, MarketData>([["NSE:TCS", { ltp: 99 }]]);

  it("asks over HTTP until the stream is back", async () => {
    const quotes = vi.fn(() => Promise.resolve(values));
    const { client, newest } = made({ quotes, pollMs: 1000, firstRetryMs: 5000, mostRetryMs: 5000 });
    const seen: Tick[] = [];
    client.listen([NSE("TCS")], "LTP", (tick) => seen.push(tick));
    await settle();
    newest().drop();
    await settle();
    expect(client.status).toBe("polling");
    expect(seen.map((tick) => [tick.data.ltp, tick.source])).toEqual([[99, "poll"]]);
    vi.advanceTimersByTime(2000);
    await settle();
    expect(quotes).toHaveBeenCalledTimes(3);
    vi.advanceTimersByTime(3000);
    await settle();
    newest().welcome();
    const asked = quotes.mock.calls.length;
    vi.advanceTimersByTime(5000);
    await settle();
    expect(quotes).toHaveBeenCalledTimes(asked);
    expect(client.status).toBe("live");
  });

  it("goes on when a question fails, and takes no late answer over the stream's", async () => {
    let answer: (map: Map<string, MarketData>) => void = () => {};
    const quotes = vi
      .fn<() => Promise<Map<string, MarketData>>>()
      .mockRejectedValueOnce(new Error("503"))
      .mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    const { client, newest } = made({ quotes, pollMs: 1000, firstRetryMs: 1500, mostRetryMs: 1500 });
    const seen: (number | undefined)[] = [];
    client.listen([NSE("TCS")], "LTP", (tick) => seen.push(tick.data.ltp));
    await settle();
    newest().drop();
    await settle();
    vi.advanceTimersByTime(1500);
    await settle();
    newest().welcome();
    newest().tick("TCS", 100);
    answer(values);
    await settle();
    expect(seen).toEqual([100]);
  });
});

describe("a hidden page", () => {
  it("is paused after a while and goes on when it is seen", async () => {
    const { client, sockets, newest } = made({ hideAfterMs: 5000 });
    client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().welcome();
    setVisibility("hidden");
    vi.advanceTimersByTime(4999);
    expect(client.status).toBe("live");
    vi.advanceTimersByTime(1);
    expect(client.status).toBe("paused");
    expect(newest().closed).toBe(true);
    client.listen([NSE("INFY")], "LTP", () => {});
    vi.advanceTimersByTime(60000);
    await settle();
    expect(sockets).toHaveLength(1);
    setVisibility("visible");
    await settle();
    newest().welcome();
    expect(newest().asked("subscribe")).toEqual(["LTP NSE:TCS", "LTP NSE:INFY"]);
  });

  it("is left alone when it is hidden for a moment only", async () => {
    const { client, newest } = made({ hideAfterMs: 5000 });
    client.listen([NSE("TCS")], "LTP", () => {});
    await settle();
    newest().welcome();
    setVisibility("hidden");
    vi.advanceTimersByTime(3000);
    setVisibility("visible");
    vi.advanceTimersByTime(10000);
    expect(newest().closed).toBe(false);
    client.close();
    expect(newest().closed).toBe(true);
  });
});
