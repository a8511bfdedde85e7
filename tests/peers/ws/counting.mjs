// A Node client of the numbered market: `node counting.mjs URL COUNT SYMBOL...`, the key on stdin.
// Says `ready` with the first tick; after COUNT ticks writes one line of JSON: what it saw.
import { readFileSync } from "node:fs";
import WebSocket from "ws";

const [url, count, ...symbols] = process.argv.slice(2);
const key = readFileSync(0, "utf8").trim();
const seen = { ticks: [], opened: 0 };
const socket = new WebSocket(url);
const send = (message) => socket.send(JSON.stringify(message));

socket.on("open", () => {
  seen.opened += 1;
  send({ action: "authenticate", api_key: key });
  send({ action: "subscribe", symbols: symbols.map((name) => `NSE:${name}`), mode: 1 });
});
socket.on("message", (data) => {
  const message = JSON.parse(data.toString());
  if (message.type !== "market_data") return;
  if (!seen.ticks.length) process.stdout.write("ready\n");
  seen.ticks.push([message.symbol, message.data.ltp]);
  if (seen.ticks.length === Number(count)) socket.close(1000, "done");
});
socket.on("close", (code) => {
  process.stdout.write(JSON.stringify({ ...seen, code }) + "\n");
});
socket.on("error", (error) => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
