"""Runs in the peer's environment: Angel One's own SDK, unmodified, against a simulator.

    smartapi_client.py PORT '{"3": {"1": ["22377"]}}' COUNT

The request is mode -> exchange type -> tokens. Writes what the order socket says first, then
every tick as one JSON line until it has COUNT of them. The SDK writes a folder `logs`: run
it in a directory that may go.
"""

import importlib.util
import json
import sys
import threading
from pathlib import Path

TIMEOUT_S = 90


def load(module):
    """One module's file: importing the package asks a public server for our address."""
    folder = Path(importlib.util.find_spec("SmartApi").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location(module, folder / f"{module}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


port, request, count = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
stream = load("smartWebSocketV2").SmartWebSocketV2
orders = load("smartWebSocketOrderUpdate").SmartWebSocketOrderUpdate
stream.ROOT_URI = f"ws://127.0.0.1:{port}/smart-stream"
orders.WEBSOCKET_URI = f"ws://127.0.0.1:{port}/smart-order-update"
login = ("Bearer jwt", "key", "A12345", "feed")
done, greeted = threading.Event(), threading.Event()
ticks, messages = [], []

socket = stream(*login, max_retry_attempt=0)


def on_open(_app):
    for mode, groups in request.items():
        listed = [{"exchangeType": int(kind), "tokens": names} for kind, names in groups.items()]
        socket.subscribe("abcde12345", int(mode), listed)


def on_data(_app, tick):
    ticks.append(tick)
    if len(ticks) >= count:
        done.set()


def on_error(*arguments):
    sys.stderr.write(f"error {arguments}\n")
    done.set()


def on_message(_app, message):
    messages.append(message)
    greeted.set()


socket.on_open, socket.on_data, socket.on_error = on_open, on_data, on_error
order_socket = orders(*login)
order_socket.on_message = on_message
for connected in (order_socket, socket):
    threading.Thread(target=connected.connect, daemon=True).start()
greeted.wait(TIMEOUT_S)
done.wait(TIMEOUT_S)
sys.stdout.write(json.dumps(json.loads(messages[0])) + "\n")
for tick in ticks[:count]:
    sys.stdout.write(json.dumps(tick) + "\n")
