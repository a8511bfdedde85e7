// The conversation of a Node client with the proxy: `node client.mjs URL`, the key on stdin.
// Writes one line of JSON: what it saw.
import { readFileSync } from "node:fs";
import WebSocket from "ws";

const url = process.argv[2];
const key = readFileSync(0, "utf8").trim();
const seen = { pongs: 0, binary: 0, types: [], ticks: [] };
const socket = new WebSocket(url, { perMessageDeflate: true });
const send = (message) => socket.send(JSON.stringify(message));

socket.on("open", () => {
  seen.extensions = socket.extensions;
  // Back to back, without waiting, as several SDKs do.
  send({ action: "authenticate", api_key: key });
  send({ action: "subscribe", symbols: [{ symbol: "RELIANCE", exchange: "NSE" }], mode: 1 });
  send({ action: "subscribe", symbols: ["NSE:SBIN"], mode: "Quote", request_id: "r1" });
  socket.ping("beat");
});
socket.on("pong", (data) => {
  seen.pongs += data.toString() === "beat";
});
socket.on("message", (data, isBinary) => {
  seen.binary += isBinary;
  const message = JSON.parse(data.toString());
  seen.types.push(message.type);
  if (message.type === "auth") seen.auth = message;
  if (message.request_id === "r1") seen.ack = message;
  if (message.type === "market_data") seen.ticks.push(message);
  if (seen.ticks.length === 50) socket.close(1000, "done");
});
socket.on("close", (code) => {
  process.stdout.write(JSON.stringify({ ...seen, code }) + "\n");
});
socket.on("error", (error) => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
