// Chromium for tests written in another language: lines of JSON in, lines of JSON out.
//   {"call": "goto", "args": ["http://..."]}  ->  {"result": ...} or {"error": "..."}
// Calls are those of Playwright's Page; "axe" looks for what keeps people out, "problems" tells
// what the page complained of, a breach of its security policy among it.
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
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
page.setDefaultTimeout(45000);
const problems = [];
page.on("console", (message) => {
  if (message.type() === "error") problems.push(`${message.text()} (${message.location().url})`);
});
page.on("pageerror", (error) => problems.push(String(error)));

const axe = async () => {
  // Through the debugger, which the page's security policy does not concern.
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const found = await globalThis.axe.run({ resultTypes: ["violations"] });
    return found.violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`),
    }));
  });
};
const own = { axe, problems: () => problems.splice(0) };

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
say({ result: browser.version() });
for await (const line of createInterface({ input: process.stdin })) {
  const { call, args = [] } = JSON.parse(line);
  try {
    const result = await (own[call] ? own[call]() : page[call](...args));
    const isPlain = result === undefined || result === null || typeof result !== "object" || !result._guid;
    say({ result: isPlain ? (Buffer.isBuffer(result) ? null : (result ?? null)) : null });
  } catch (error) {
    say({ error: String(error.message ?? error) });
  }
}
await browser.close();
