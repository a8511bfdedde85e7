"""Runs in the peer's environment: Zerodha's own KiteTicker, unmodified, against a simulator.

    kiteticker_client.py PORT '{"full": [token, ...], ...}' COUNT

Writes every tick as one JSON line until it has COUNT of them.
"""

import json
import sys
import threading

from kiteconnect import KiteTicker

TIMEOUT_S = 90

port, modes, count = int(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
done = threading.Event()
ticks = []


def on_connect(ws, _response):
    ws.subscribe([token for tokens in modes.values() for token in tokens])
    for mode, tokens in modes.items():
        ws.set_mode(mode, tokens)


def on_ticks(_ws, batch):
    ticks.extend(batch)
    if len(ticks) >= count:
        done.set()


def on_error(_ws, code, reason):
    sys.stderr.write(f"error {code}: {reason}\n")
    done.set()


ticker = KiteTicker("key", "token", root=f"ws://127.0.0.1:{port}", reconnect=False)
ticker.on_connect, ticker.on_ticks, ticker.on_error = on_connect, on_ticks, on_error
ticker.connect(threaded=True)
done.wait(TIMEOUT_S)
received = list(ticks)
ticker.close()
for tick in received:
    sys.stdout.write(json.dumps(tick, default=str) + "\n")
