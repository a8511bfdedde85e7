// Chromium for tests written in another language: lines of JSON in, lines of JSON out.
//   {"call": "goto", "args": ["http://..."], "page": 0}  ->  {"result": ...} or {"error": "..."}
// Calls are those of Playwright's Page; pages are tabs of one browser, opened when first named.
// Beside them: "axe" looks for what keeps people out; "problems" are what the page complained of
// since the last time, a breach of its security policy among it; "ticks" are what came over its
// WebSockets since the last time, "sockets" how many it opened; "refuseSockets" lets none open.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: [
    ...["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"],
    ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
  ],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
context.setDefaultTimeout(45000);

class Tab {
  problems = [];
  ticks = [];
  sockets = 0;

  constructor(page) {
    this.page = page;
    page.on("console", (message) => {
      const { url } = message.location();
      if (message.type() === "error") this.problems.push(`${message.text()} (${url})`);
    });
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("websocket", (socket) => {
      this.sockets += 1;
      socket.on("framereceived", ({ payload }) => this.heard(JSON.parse(payload)));
    });
  }

  heard({ type, symbol, mode, data }) {
    if (type !== "market_data") return;
    const { volume, last_trade_quantity: quantity, ltp } = data;
    this.ticks.push({ symbol, mode, volume, quantity, ltp });
  }

  async axe() {
    // Through the debugger, which the page's security policy does not concern.
    await this.page.evaluate(axeSource);
    return this.page.evaluate(async () => {
      const { violations } = await globalThis.axe.run({ resultTypes: ["violations"] });
      return violations.map(({ id, nodes }) => ({
        id,
        nodes: nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`),
      }));
    });
  }

  async call(name, args) {
    switch (name) {
      case "axe":
        return this.axe();
      case "problems":
        return this.problems.splice(0);
      case "ticks":
        return this.ticks.splice(0);
      case "sockets":
        return this.sockets;
      case "refuseSockets":
        return this.page.routeWebSocket(/.*/, (socket) => socket.close());
      default:
        return this.page[name](...args);
    }
  }
}

const tabs = new Map();
const tab = async (number) => {
  if (!tabs.has(number)) tabs.set(number, new Tab(await context.newPage()));
  return tabs.get(number);
};

// Handles of the browser's own things have no form in JSON.
const plain = (result) =>
  result === null || typeof result !== "object" || Array.isArray(result) ? (result ?? null) : null;
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
say({ result: browser.version() });
for await (const line of createInterface({ input: process.stdin })) {
  const { call, args, page } = JSON.parse(line);
  try {
    say({ result: plain(await (await tab(page)).call(call, args)) });
  } catch (error) {
    say({ error: String(error.message ?? error) });
  }
}
await browser.close();
