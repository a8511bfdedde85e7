"""Runs in the peer's environment: the `openalgo` package's 2.x line against the system.

    openalgo_two_client.py URL     key on stdin

Subscribes in bulk, one message per mode; waits for ticks in each; unsubscribes LTP and looks
whether they stop. Writes one line of JSON: what it saw.
"""

import json
import sys
import threading
import time

from openalgo import api

START_S = 30
INSTRUMENTS = [
    {"exchange": "NSE", "symbol": "RELIANCE"},
    {"exchange": "NSE", "symbol": "SBIN"},
]
MODES = ("ltp", "quote", "depth")
seen = {mode: [] for mode in MODES}
complete = threading.Event()


def on_data(mode):
    def callback(message):
        seen[mode].append(message)
        if all(len({m["symbol"] for m in messages}) == 2 for messages in seen.values()):
            complete.set()

    return callback


client = api(api_key=sys.stdin.readline().strip(), host="http://127.0.0.1:5000", ws_url=sys.argv[1])
if not client.connect():
    sys.exit("connect() failed")
for mode in MODES:
    if not getattr(client, f"subscribe_{mode}")(INSTRUMENTS, on_data_received=on_data(mode)):
        sys.exit(f"subscribe_{mode}() failed")
if not complete.wait(START_S):
    sys.exit(f"not every mode ticked: { {mode: len(got) for mode, got in seen.items()} }")
client.unsubscribe_ltp(INSTRUMENTS)
time.sleep(1.0)
stopped_at = {mode: len(got) for mode, got in seen.items()}
time.sleep(1.0)
report = {
    "first": {mode: got[0] for mode, got in seen.items()},
    "after": {mode: len(got) - stopped_at[mode] for mode, got in seen.items()},
}
client.disconnect()
sys.stdout.write(json.dumps(report) + "\n")
