"""The recorded session of the real OpenAlgo proxy, replayed against ours.

Every reply must be the recorded one, key by key and in its order, except where `DIFFERENCES`
and the three rules in `as_ours` say otherwise; docs/compatibility.md lists the same.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.realdata

ROOT = Path(__file__).resolve().parents[2]
_DATA = os.environ.get("OPENALGO_STREAM_TEST_DATA")
RECORDING = (
    (Path(_DATA).parent if _DATA else ROOT.parent / "shared") / "protocol" / "recorded-session.txt"
)

#: Requests whose reply differs on purpose: only these parts of it.
DIFFERENCES = {
    "[1]": {
        "code": "INVALID_PARAMETERS",
        "message": "A request must be a JSON object, was a list",
    },
    '{"action": "authenticate", "api_key": 12345}': {
        "code": "INVALID_PARAMETERS",
        "message": "api_key must be text, was a number",
    },
}


def entry(symbol, mode, depth=5):
    return {
        "symbol": symbol,
        "exchange": "NSE",
        "status": "success",
        "mode": mode,
        "depth": depth,
        "broker": "zerodha",
    }


def ack(*entries):
    return {
        "type": "subscribe",
        "status": "success",
        "subscriptions": list(entries),
        "message": "Subscription processing complete",
        "broker": "zerodha",
    }


#: Requests that the peer refuses, or reads less of, and ours understands.
EXTENSIONS = {
    '{"action": "subscribe", "instruments": [{"symbol": "SBIN", "exchange": "NSE"}], '
    '"mode": "ltp"}': ack(entry("SBIN", "LTP")),
    '{"action": "subscribe", "symbol": "SBIN", "exchange": "NSE", "mode": 3, "depth_level": 20}': (
        ack(entry("SBIN", 3, depth=20))
    ),
    '{"action": "subscribe", "symbol": "SBIN", "exchange": "NSE", "mode": "1"}': (
        ack(entry("SBIN", "LTP"))
    ),
    '{"action": "subscribe", "symbol": "SBIN", "exchange": "NSE", "mode": null}': (
        ack(entry("SBIN", "Quote"))
    ),
    '{"action": "subscribe", "symbols": ["SBIN"]}': ack(entry("SBIN", "Quote")),
    '{"action": "subscribe", "symbol": "SBIN"}': ack(entry("SBIN", "Quote")),
    '{"action": "subscribe", "symbols": [{"symbol": "X"}]}': ack(entry("X", "Quote")),
}
#: Ours answers nothing to a pong.
SILENT = {'{"type": "pong"}'}


def as_ours(request_text, recorded):
    """The recorded reply with the differences that run through all replies."""
    if request_text in EXTENSIONS:
        return EXTENSIONS[request_text]
    if request_text in DIFFERENCES:
        return recorded | DIFFERENCES[request_text]
    request = None
    if request_text.startswith("{"):
        request = json.loads(request_text)
    entries = recorded.get("subscriptions", []) + recorded.get("failed", [])
    for one in entries:
        if one["status"] == "error":  # 1. the reason's code is passed on
            one["code"] = "INVALID_MODE" if "Invalid mode" in one["message"] else "SYMBOL_NOT_FOUND"
        elif isinstance(request.get("mode"), int):
            one["mode"] = request["mode"]  # 2. a number is echoed as a number
    for asked in (request or {}).get("symbols", []):
        if "exchange" not in asked:  # 3. an entry without exchange is on the default one
            recorded["subscriptions"].append(entry(asked["symbol"], request["mode"]))
    return recorded


def sections():
    """Section title -> [(request text, binary?, recorded reply or None)], up to "bob"."""
    found = {}
    pairs = None
    for line in RECORDING.read_text().splitlines():
        if line.startswith("bob ["):
            break
        if line.startswith("## "):
            pairs = found.setdefault(line[3:], [])
        elif line.startswith(">> (binary frame) "):
            request = ast.literal_eval(line.removeprefix(">> (binary frame) ")).decode()
            pairs.append([request, True, None])
        elif line.startswith(">> "):
            pairs.append([line[3:], False, None])
        elif line.startswith("<<  "):
            pairs[-1][2] = json.loads(line[4:])
    return found


def ordered(value):
    """JSON with its key order made visible."""
    if isinstance(value, dict):
        return [(key, ordered(inner)) for key, inner in value.items()]
    return [ordered(inner) for inner in value] if isinstance(value, list) else value


async def replay(client, pairs, keys):
    for request, binary, recorded in pairs:
        expected = as_ours(request, recorded)
        text = request
        for placeholder, key in keys.items():
            text = text.replace(placeholder, key)
        await client.send(text.encode() if binary else text)
        if request in SILENT:
            assert await client.is_quiet(0.02)
            continue
        reply = await client.receive()
        if reply.get("type") == "pong":
            assert abs(reply["server_timestamp"] - expected["server_timestamp"]) < 10**12
            reply["server_timestamp"] = expected["server_timestamp"]
        assert ordered(reply) == ordered(expected), request


@pytest.fixture(scope="module")
def recording():
    if not RECORDING.is_file():
        pytest.skip(f"the recorded session is not there: {RECORDING}")
    return sections()


def test_replies_before_authentication_are_the_recorded_ones(proxy_bench, recording):
    async def scenario():
        async with proxy_bench(brokers=["zerodha", "angel", "dhan"]) as bench:
            await replay(await bench.connect(), recording["before auth"], {})

    asyncio.run(scenario())


def test_replies_to_a_user_without_broker_are_the_recorded_ones(proxy_bench, recording):
    async def scenario():
        async with proxy_bench(adapters=()) as bench:
            key = bench.keys.create("carol")
            client = await bench.connect()
            await replay(client, recording["carol revoked"], {"<carol key>": key})

    asyncio.run(scenario())


def test_replies_to_alice_are_the_recorded_ones(proxy_bench, recording):
    async def scenario():
        async with proxy_bench() as bench:
            key = bench.keys.create("alice")
            client = await bench.connect()
            assert len(recording["alice"]) == 29
            await replay(client, recording["alice"], {"<alice key>": key})

    asyncio.run(scenario())


def test_every_difference_is_exercised_and_documented(recording):
    replayed = {request for pairs in recording.values() for request, *_ in pairs}
    for request in [*DIFFERENCES, *EXTENSIONS, *SILENT]:
        assert request in replayed
    documented = (ROOT / "docs" / "compatibility.md").read_text()
    for words in ("depth_level", "instruments", "`null`", "pong", "INVALID_PARAMETERS", "`code`"):
        assert words in documented
