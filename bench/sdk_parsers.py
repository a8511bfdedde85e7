"""Runs in a peer's environment: the broker's own SDK as the yardstick, on the same bytes.

    sdk_parsers.py BROKER FRAMES SECONDS

FRAMES has one binary frame in hexadecimal per line. Writes one line of JSON: the seconds that the
SDK takes for all of them, the least of each part added up. Each function here returns what the
SDK calls with a frame off its socket, up to the point where it would call the user back.
"""

import asyncio
import base64
import contextlib
import importlib.util
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace


def zerodha():
    from kiteconnect import KiteTicker

    return KiteTicker("key", "token")._parse_binary


def angel():
    """One module's file: importing the package asks a public server for our address."""
    folder = Path(importlib.util.find_spec("SmartApi").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("stream", folder / "smartWebSocketV2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SmartWebSocketV2("jwt", "key", "A12345", "feed")._parse_binary_data


def dhan():
    """The SDK reads the first packet of a message only: it is given each by itself."""
    from dhanhq.marketfeed import MarketFeed

    asyncio.set_event_loop(asyncio.new_event_loop())
    parse = object.__new__(MarketFeed).process_data

    def read(frame):
        at = 0
        while at < len(frame):
            size = frame[at + 1] | frame[at + 2] << 8
            parse(frame[at : at + size])
            at += size

    return read


def upstox():
    from google.protobuf import json_format
    from upstox_client.feeder.market_data_streamer_v3 import MarketDataStreamerV3

    streamer = MarketDataStreamerV3()
    if streamer.protobufRoot is None:
        streamer.protobufRoot = importlib.import_module(
            "upstox_client.feeder.proto.MarketDataFeedV3_pb2"
        )

    def read(frame):
        json_format.MessageToDict(streamer.decode_protobuf(frame))

    return read


def fyers():
    os.chdir(tempfile.mkdtemp())  # the SDK writes log files where it stands
    from fyers_apiv3.FyersWebsocket import data_ws

    claims = json.dumps({"hsm_key": "key", "exp": 2**32}).encode()
    token = ".".join(base64.urlsafe_b64encode(part).decode() for part in (b"{}", claims, b"x"))
    socket = data_ws.FyersDataSocket(token, log_path="", on_message=lambda _tick: None)

    class Everything(dict):
        """Every topic is one that was subscribed to."""

        def __missing__(self, topic):
            return topic

        def __contains__(self, topic):
            return True

    socket.symbol_token = Everything()
    return socket._FyersDataSocket__response_msg


def nubra():
    from nubra_python_sdk.ticker.websocketdata import NubraDataSocket

    client = SimpleNamespace(
        BEARER_TOKEN="token", WEBSOCKET_URL="", WEBSOCKET_URL_BATCH="", API_BASE_URL="",
        db_path="", totp_login=False, token_data=None, env_path_login=False,
    )  # fmt: skip
    nothing = lambda _tick: None  # noqa: E731
    socket = NubraDataSocket(client, on_market_data=nothing, on_error=sys.stderr.write)
    return socket._decode_protobuf


PARSERS = {f.__name__: f for f in (zerodha, angel, dhan, upstox, fyers, nubra)}


def shared_out(frames, parts=25):
    """In short parts: some of each part's turns are not disturbed by what else the machine does."""
    size = max(1, len(frames) // parts)
    return [frames[at : at + size] for at in range(0, len(frames), size)]


def main():
    broker, path, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    frames = [bytes.fromhex(line) for line in path.read_text().split()]
    with contextlib.redirect_stdout(sys.stderr):
        parse = PARSERS[broker]()
        for frame in frames:  # whatever is made on first use
            parse(frame)
        parts = shared_out(frames)
        least, end = [float("inf")] * len(parts), time.perf_counter() + seconds
        while time.perf_counter() < end:
            for number, part in enumerate(parts):
                begun = time.perf_counter()
                for frame in part:
                    parse(frame)
                least[number] = min(least[number], time.perf_counter() - begun)
    sys.stdout.write(json.dumps({"seconds": sum(least)}))
    sys.stdout.flush()
    os._exit(0)  # an SDK's threads outlive it


if __name__ == "__main__":
    main()
