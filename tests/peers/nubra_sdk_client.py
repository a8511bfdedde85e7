"""Runs in the peer's environment: Nubra's own socket, unmodified, against a simulator.

    nubra_sdk_client.py PORT '{"orderbook": [["69001"], null, null], ...}' COUNT

The request is channel -> symbols, exchange, interval. Writes an order update that the SDK's
own schema encoded, in hexadecimal, then every tick as one JSON line until it has COUNT.
"""

import json
import sys
import threading
from types import SimpleNamespace

import msgspec
from google.protobuf.any_pb2 import Any
from nubra_python_sdk.protos.nubrafrontend_pb2 import NubraToClientIntentUpdate
from nubra_python_sdk.ticker.websocketdata import NubraDataSocket

TIMEOUT_S = 90

port, request, count = int(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])


def order_update():
    update = NubraToClientIntentUpdate()
    order = update.intent_order_response
    order.intent_order_id, order.order_status, order.order_side = 987, 4, 2
    order.entry_config.conditions.add().threshold = 25005
    order.delivery_type, order.price_type = 1, 1
    order.order_qty, order.filled_qty, order.order_price, order.filled_price = 75, 25, 25010, 25015
    order.trade_fill.trade_price, order.rejection_msg = 25020, "none"
    data = order.refdata
    data.ref_id, data.stock_name, data.exchange, data.derivative_type = 5, "X25NOV", "NSE", "OPT"
    inner, outer = Any(), Any()
    inner.Pack(update)
    outer.Pack(inner)
    return outer.SerializeToString().hex()


connected, done = threading.Event(), threading.Event()
ticks = []


def collect(kind):
    def tell(tick):
        ticks.append({"channel": kind} | msgspec.to_builtins(tick))
        if len(ticks) >= count:
            done.set()

    return tell


def on_error(text):
    sys.stderr.write(f"error: {text}\n")
    done.set()


client = SimpleNamespace(
    BEARER_TOKEN="token",
    WEBSOCKET_URL=f"ws://127.0.0.1:{port}/ws",
    WEBSOCKET_URL_BATCH=f"ws://127.0.0.1:{port}/apibatch/ws",
    API_BASE_URL=f"http://127.0.0.1:{port}",
    db_path="",
    totp_login=False,
    token_data=None,
    env_path_login=False,
)
socket = NubraDataSocket(
    client,
    on_index_data=collect("index"),
    on_orderbook_data=collect("orderbook"),
    on_ohlcv_data=collect("ohlcv"),
    on_greeks_data=collect("greeks"),
    on_option_data=collect("option"),
    on_error=on_error,
    on_connect=lambda _: connected.set(),
    reconnect=False,
)
socket.connect()
connected.wait(TIMEOUT_S)
for channel, (symbols, exchange, interval) in request.items():
    socket.subscribe(symbols, channel, exchange, interval)
done.wait(TIMEOUT_S)
sys.stdout.write(order_update() + "\n")
for tick in ticks:
    sys.stdout.write(json.dumps(tick) + "\n")
sys.stdout.flush()
socket.close()
