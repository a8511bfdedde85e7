"""Runs in the peer's environment: the `openalgo` package, unmodified, told what to call.

    openalgo_trader.py HTTP_URL WEBSOCKET_URL     key on stdin, then lines [method, {arguments}]

Each line is answered with `=` and JSON. `events` gives the order updates that its callback got.
"""

import json
import sys

from openalgo import api

client = api(api_key=sys.stdin.readline().strip(), host=sys.argv[1], ws_url=sys.argv[2])
events = []
if hasattr(client, "subscribe_orders"):  # the 2.x line
    if not client.connect():
        sys.exit("connect() failed")
    if not client.subscribe_orders(on_order_update=events.append):
        sys.exit("subscribe_orders() failed")
for line in sys.stdin:
    method, arguments = json.loads(line)
    reply = events if method == "events" else getattr(client, method)(**arguments)
    sys.stdout.write(f"={json.dumps(reply, default=str)}\n")
    sys.stdout.flush()
if hasattr(client, "subscribe_orders"):
    client.disconnect()
