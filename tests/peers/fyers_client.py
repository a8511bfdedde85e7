"""Runs in the peer's environment: Fyers' own sockets, unmodified, against a simulator.

    fyers_client.py full|lite|deep PORT REQUEST COUNT

REQUEST is for the price socket `{"SymbolUpdate": {topic: symbol}, "DepthUpdate": {...}}`, for
deep books a list of tickers. Writes every message as one JSON line until it has COUNT of them.
"""

import base64
import json
import os
import sys
import tempfile
import threading

os.chdir(tempfile.mkdtemp())  # the SDK writes log files where it stands

from fyers_apiv3.FyersWebsocket import data_ws, tbt_ws  # noqa: E402

TIMEOUT_S = 60

kind, port, request, count = (
    sys.argv[1],
    int(sys.argv[2]),
    json.loads(sys.argv[3]),
    int(sys.argv[4]),
)
done = threading.Event()
messages = []


def on_message(message):
    messages.append(message)
    if len(messages) >= count:
        done.set()


def on_error(message):
    sys.stderr.write(f"error {message}\n")


def prices():
    claims = json.dumps({"hsm_key": "key", "exp": 2**32}).encode()
    token = ".".join(base64.urlsafe_b64encode(part).decode() for part in (b"{}", claims, b"x"))
    # The SDK asks Fyers for the topics of symbols; here they are given.
    data_ws.SymbolConversion.symbol_to_hsmtoken = lambda self, _symbols: (
        request[self.data_type], [], False, "",
    )  # fmt: skip

    def on_connect():
        for data_type, topics in request.items():
            if topics:
                socket.subscribe(list(topics.values()), data_type)

    socket = data_ws.FyersDataSocket(
        token, log_path="", litemode=kind == "lite", reconnect=False, on_error=on_error,
        on_message=lambda m: "symbol" in m and on_message(dict(m)), on_connect=on_connect,
    )  # fmt: skip
    socket._FyersDataSocket__url = f"ws://127.0.0.1:{port}/hsm/v1-5/prod"
    socket.connect()


def books():
    def on_depth(ticker, depth):
        on_message({
            "symbol": ticker, "time": depth.timestamp, "tbq": depth.tbq, "tsq": depth.tsq,
            "bids": list(zip(depth.bidprice, depth.bidqty, strict=True)),
            "asks": list(zip(depth.askprice, depth.askqty, strict=True)),
        })  # fmt: skip

    def on_open():
        socket.subscribe(set(request), "1", tbt_ws.SubscriptionModes.DEPTH)
        socket.switchChannel({"1"}, set())

    tbt_ws.getUrl = lambda _token: f"ws://127.0.0.1:{port}/versova"
    socket = tbt_ws.FyersTbtSocket(
        "APP-100:token", reconnect=False, on_depth_update=on_depth, on_error=on_error,
        on_error_message=on_error, on_open=on_open, on_close=lambda _message: None,
    )  # fmt: skip
    socket.connect()


books() if kind == "deep" else prices()
done.wait(TIMEOUT_S)
received = list(messages)
for message in received:
    sys.stdout.write(json.dumps(message) + "\n")
sys.stdout.flush()
os._exit(0)  # the SDK's ping thread sleeps for up to ten seconds and is no daemon
