"""Runs in the peer's environment: Upstox's own streamer against a simulator.

    upstox_streamer.py PORT '{"full": [key, ...], ...}' COUNT

Writes what the streamer says of COUNT feeds, one JSON line per instrument and message, the
market's state first. The SDK's address is fixed in its code, so its name for the WebSocket
library is replaced by one that connects to the simulator; nothing else is touched.
"""

import itertools
import json
import sys
import threading

import upstox_client
import websocket
from upstox_client.feeder import market_data_feeder_v3

TIMEOUT_S = 90
ADDRESS = "wss://api.upstox.com"

port, modes, count = int(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
done = threading.Event()
lines = []
counter = itertools.count(1)


class Redirected:
    ABNF = websocket.ABNF

    @staticmethod
    def WebSocketApp(url, **kwargs):  # noqa: N802 - the library's name
        assert url.startswith(ADDRESS)
        return websocket.WebSocketApp(url.replace(ADDRESS, f"ws://127.0.0.1:{port}"), **kwargs)


def on_open():
    for mode, keys in modes.items():
        streamer.subscribe(keys, mode)


def on_message(message):
    if "marketInfo" in message:
        lines.append(message)
    for key, feed in message.get("feeds", {}).items():
        lines.append({"key": key, "type": message.get("type"), "feed": feed})
        if next(counter) == count:
            done.set()


def on_error(error):
    sys.stderr.write(f"error: {error}\n")
    done.set()


market_data_feeder_v3.websocket = Redirected
configuration = upstox_client.Configuration()
configuration.access_token = "token"
streamer = upstox_client.MarketDataStreamerV3(upstox_client.ApiClient(configuration))
streamer.auto_reconnect(False)
streamer.on("open", on_open)
streamer.on("message", on_message)
streamer.on("error", on_error)
streamer.connect()
done.wait(TIMEOUT_S)
received = list(lines)
streamer.disconnect()
for line in received:
    sys.stdout.write(json.dumps(line) + "\n")
