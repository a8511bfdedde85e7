"""Runs in the peer's environment: the `openalgo` package, unmodified, against the system.

    openalgo_client.py URL '{"ltp": [[exchange, symbol], ...], ...}' COUNT     key on stdin

Says `ready` once it has subscribed, then writes what its callbacks were given, one JSON line
each, when it has COUNT of them or no more come.
"""

import json
import sys
import threading

from openalgo import api

START_S = 30
QUIET_S = 3

url, wanted, count = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
done = threading.Event()
received = []


def on_data(message):
    received.append(json.dumps(message))
    if len(received) >= count:
        done.set()


client = api(api_key=sys.stdin.readline().strip(), host="http://127.0.0.1:5000", ws_url=url)
if not client.connect():
    sys.exit("connect() failed")
for mode, instruments in wanted.items():
    listed = [{"exchange": exchange, "symbol": symbol} for exchange, symbol in instruments]
    if not getattr(client, f"subscribe_{mode}")(listed, on_data_received=on_data):
        sys.exit(f"subscribe_{mode}() failed")
sys.stdout.write("ready\n")
sys.stdout.flush()
seen, deadline = 0, START_S
while not done.wait(deadline) and len(received) > seen:
    seen, deadline = len(received), QUIET_S
client.disconnect()
for line in received:
    sys.stdout.write(line + "\n")
