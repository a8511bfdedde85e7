"""The grammar of requests: every documented spelling, and any text at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bus.topics import Mode
from proxy.protocol import parsing, replies, requests
from proxy.protocol.modes import ModeChoice
from proxy.protocol.refusal import Refusal
from proxy.protocol.requests import Instrument

SBIN = Instrument("SBIN", "NSE")


def parse(message):
    raw = isinstance(message, str | bytes)
    return parsing.parse(message if raw else json.dumps(message), "NSE")


def refusal(message):
    with pytest.raises(Refusal) as refused:
        parse(message)
    return refused.value.code, refused.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"symbols": [{"symbol": "SBIN", "exchange": "NSE"}]},
        {"instruments": [{"symbol": "SBIN", "exchange": "NSE"}]},
        {"symbols": ["NSE:SBIN"]},
        {"symbols": ["SBIN.NSE"]},
        {"symbols": ["SBIN"]},
        {"symbols": [{"symbol": "SBIN"}]},
        {"symbols": [{"symbol": "SBIN", "exchange": ""}, {"symbol": ""}, {}, ""]},
        {"symbol": "SBIN", "exchange": "NSE"},
        {"symbol": "SBIN", "symbols": []},
        {"symbol": "NSE:SBIN", "symbols": None},
    ],
)
def test_parse_takes_every_way_to_name_an_instrument(fields):
    request = parse({"action": "subscribe", **fields})
    assert [entry.instrument for entry in request.entries] == [SBIN]


@pytest.mark.parametrize(
    ("text", "instrument"),
    [
        ("NSE_INDEX:NIFTY", ("NIFTY", "NSE_INDEX")),
        ("nse:sbin", ("sbin", "nse")),
        ("M&M.NSE", ("M&M", "NSE")),
        ("RELIANCE:50", ("RELIANCE:50", "NSE")),
        ("A.B", ("A.B", "NSE")),
        ("NSE:", ("NSE:", "NSE")),
        (".NSE", (".NSE", "NSE")),
        ("BSE:A.NSE", ("A.NSE", "BSE")),
    ],
)
def test_parse_splits_text_only_at_known_exchanges(text, instrument):
    assert parse({"action": "subscribe", "symbols": [text]}).entries[0].instrument == instrument


@pytest.mark.parametrize(
    ("mode", "choice"),
    [
        (1, (Mode.LTP, 1)),
        (2, (Mode.QUOTE, 2)),
        (3.0, (Mode.DEPTH, 3)),
        ("LTP", (Mode.LTP, "LTP")),
        (" qUoTe ", (Mode.QUOTE, "Quote")),
        ("3", (Mode.DEPTH, "Depth")),
        (None, (Mode.QUOTE, "Quote")),
    ],
)
def test_parse_reads_modes_and_keeps_their_kind(mode, choice):
    request = parse({"action": "subscribe", "symbol": "SBIN", "mode": mode})
    assert request.entries[0].choice == ModeChoice(*choice)


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (4, "Invalid mode 4; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
        (2.5, "Invalid mode 2.5; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
        ("full", "Invalid mode 'full'; expected 'LTP', 'Quote', or 'Depth' (case-insensitive)"),
        (True, "Mode must be int or str, got bool (True)"),
        ([], "Mode must be int or str, got list"),
        (10**300, "Invalid mode of many digits; expected 1 (LTP), 2 (Quote), or 3 (Depth)"),
    ],
)
def test_parse_refuses_other_modes_with_the_known_texts(mode, message):
    request = {"action": "subscribe", "symbol": "SBIN", "mode": mode}
    assert refusal(request) == ("INVALID_MODE", message)


def test_parse_with_mode_per_entry_overrides_the_top_level():
    symbols = [{"symbol": "A", "mode": "LTP"}, "B", {"symbol": "C", "mode": "zz"}]
    entries = parse({"action": "subscribe", "symbols": symbols, "mode": 3}).entries
    assert [entry.choice.mode for entry in entries] == [Mode.LTP, Mode.DEPTH, Mode.DEPTH]
    assert [entry.refusal is None for entry in entries] == [True, True, False]


def test_parse_unsubscribe_reads_the_mode_of_entry_then_top_level_then_none():
    symbols = [{"symbol": "A", "mode": 1}, "B", {"symbol": "C", "mode": "all"}]
    request = {"action": "unsubscribe", "symbols": symbols}
    assert [entry.mode for entry in parse(request).entries] == [Mode.LTP, None, None]
    assert [entry.mode for entry in parse({**request, "mode": "depth"}).entries] == [
        Mode.LTP, Mode.DEPTH, None,
    ]  # fmt: skip
    assert all(entry.refusal for entry in parse({**request, "mode": "zz"}).entries[1:2])


@pytest.mark.parametrize(
    ("fields", "depth"),
    [
        ({}, 5),
        ({"depth": 20}, 20),
        ({"depth_level": 50}, 50),
        ({"depth": "  30"}, 30),
        ({"depth": 20.0}, 20),
        ({"depth": None, "depth_level": 20}, 20),
        ({"depth": "x"}, 5),
        ({"depth": -1}, 5),
        ({"depth": True}, 5),
        ({"depth": 10**400}, 5),
    ],
)
def test_parse_reads_the_depth_or_takes_five(fields, depth):
    assert parse({"action": "subscribe", "symbol": "SBIN", **fields}).depth == depth


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("not json", ("INVALID_JSON", "Invalid JSON message")),
        ("", ("INVALID_JSON", "Invalid JSON message")),
        ("[1", ("INVALID_JSON", "Invalid JSON message")),
        ('{"request_id": NaN}', ("INVALID_JSON", "Invalid JSON message")),
        ('{"depth": 1e999}', ("INVALID_JSON", "Invalid JSON message")),
        (b'{"action": "ping", "x": "\xff"}', ("INVALID_JSON", "Invalid JSON message")),
        ("[" * 100_000, ("INVALID_JSON", "Invalid JSON message")),
        ('{"request_id":' + "[" * 100_000, ("INVALID_JSON", "Invalid JSON message")),
        ("[1]", ("INVALID_PARAMETERS", "A request must be a JSON object, was a list")),
        ("null", ("INVALID_PARAMETERS", "A request must be a JSON object, was null")),
        ({}, ("INVALID_ACTION", "Invalid action: None")),
        ({"action": "nope"}, ("INVALID_ACTION", "Invalid action: nope")),
        ({"action": ["x"]}, ("INVALID_ACTION", "Invalid action: a list")),
        ({"action": "a" * 500}, ("INVALID_ACTION", "Invalid action: " + "a" * 100)),
        ({"action": "auth"}, ("AUTHENTICATION_ERROR", "API key is required")),
        ({"action": "auth", "api_key": ""}, ("AUTHENTICATION_ERROR", "API key is required")),
        (
            {"action": "auth", "api_key": 12345},
            ("INVALID_PARAMETERS", "api_key must be text, was a number"),
        ),
        (
            {"action": "subscribe"},
            ("INVALID_PARAMETERS", "At least one symbol must be specified"),
        ),
        (
            {"action": "subscribe", "symbols": {"SBIN": "NSE"}},
            ("INVALID_PARAMETERS", "symbols must be a list, was an object"),
        ),
        (
            {"action": "subscribe", "symbols": [7]},
            ("INVALID_PARAMETERS", "each of symbols must be an object or text, was a number"),
        ),
        (
            {"action": "subscribe", "symbols": [{"symbol": 7}]},
            ("INVALID_PARAMETERS", "symbol must be text, was a number"),
        ),
        (
            {"action": "subscribe", "symbol": "A", "exchange": False},
            ("INVALID_PARAMETERS", "exchange must be text, was a boolean"),
        ),
        (
            {"action": "subscribe", "symbol": "A" * 200},
            ("INVALID_PARAMETERS", "a symbol or exchange of 200 characters is too long"),
        ),
        (
            {"action": "subscribe", "symbols": ["A"] * 10_001},
            ("INVALID_PARAMETERS", "at most 10000 symbols per message, was 10001"),
        ),
        (
            {"action": "unsubscribe"},
            ("INVALID_PARAMETERS", "Either symbols or unsubscribe_all is required"),
        ),
        (
            {"action": "unsubscribe", "symbol": "A", "mode": "zz"},
            (
                "INVALID_MODE",
                "Invalid mode 'zz'; expected 'LTP', 'Quote', or 'Depth' (case-insensitive)",
            ),
        ),
    ],
)
def test_parse_refuses_with_code_and_text(message, expected):
    assert refusal(message) == expected


@pytest.mark.parametrize("message", ["ping", " pong\n", b"ping", {"type": "pong"}])
def test_parse_accepts_keepalive_text_silently(message):
    assert parse(message) == requests.Nothing()


@pytest.mark.parametrize("value", ["7", '"orders-1"', '{"a": [1.50, null]}', "[]", "false"])
def test_parse_keeps_the_request_id_as_it_came(value):
    message = '{"action":"subscribe_orders","request_id": %s}' % value  # noqa: UP031
    assert bytes(parse(message).request_id).decode() == value


def test_parse_counts_null_as_absent():
    request = parse({"action": "ping", "timestamp": None, "_pingId": None})
    assert request == requests.Ping(None, None)


def test_parse_takes_type_where_action_is_empty_and_many_lines():
    assert parse('\n{\n  "action": "",\n  "type": "ping"\n}\n') == requests.Ping(None, None)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = [
    "action", "type", "api_key", "apikey", "symbols", "instruments", "symbol", "exchange",
    "mode", "depth", "depth_level", "request_id", "timestamp", "_pingId",
]  # fmt: skip
ACTIONS = st.sampled_from([*parsing._ACTIONS, "nope"])
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6)


def is_total(message):
    """A request, or a refusal that can be told."""
    try:
        request = parse(message)
    except Refusal as refused:
        told = json.loads(replies.error(refused.code, refused.message))
        return list(told) == ["status", "code", "message"]
    return isinstance(request, requests.Request)


@given(fields=OBJECTS, action=ACTIONS)
def test_parse_of_any_object_is_a_request_or_a_refusal(fields, action):
    assert is_total({**fields, "action": action})


@given(st.text() | st.binary())
@example('"\ud800"')
@example(b"\xff")
@example("\ufeff{}")
def test_parse_of_anything_is_a_request_or_a_refusal(message):
    assert is_total(message)
