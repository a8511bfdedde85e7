"""What a recording can answer demand with."""

import json

import pytest

from bus.events import Accepted, Rejected
from bus.frames import Frame, Kind
from bus.market.ticks import decode_ltp, decode_quote
from recording.catalogue import Catalogue

DEPTH = "ZERODHA_NSE_SBIN_DEPTH"
INDEX = "ZERODHA_NSE_INDEX_NIFTY_LTP"
BOOK = {"buy": [{"price": 1.0, "quantity": 2, "orders": 1}], "sell": []}
FULL = {
    "symbol": "SBIN",
    "exchange": "NSE",
    "ltp": 801.5,
    "ltt": 5,
    "volume": 10,
    "timestamp": 6,
    "open": 800.0,
    "depth": BOOK,
    "bids": BOOK["buy"],
    "asks": [],
}


@pytest.fixture
def catalogue():
    return Catalogue("yester_day", [DEPTH, INDEX])


def frame(topic=DEPTH, **changes):
    payload = json.dumps({**FULL, **changes}).encode()
    return Frame(topic.encode(), Kind.TICK, 0, 1, 1, 1, payload)


def test_recorded_topics_go_out_under_the_adapters_name(catalogue):
    assert catalogue.instruments == 2
    assert catalogue.wire(frame()) == b"YESTER-DAY_NSE_SBIN_DEPTH\0"
    assert catalogue.wire(frame(INDEX)) == b"YESTER-DAY_NSE_INDEX_NIFTY_LTP\0"
    assert catalogue.want(b"YESTER-DAY_NSE_SBIN_DEPTH\0") == Accepted("YESTER-DAY_NSE_SBIN_DEPTH")
    assert catalogue.derived(frame()) == []


@pytest.mark.parametrize(
    ("wire", "code", "words"),
    [
        (b"YESTER-DAY_NSE_TCS_LTP\0", "SYMBOL_NOT_FOUND", "the recording has no TCS on NSE"),
        (b"ZERODHA_NSE_SBIN_LTP\0", "SYMBOL_NOT_FOUND", "no SBIN on NSE"),
        (b"nonsense\0", "SYMBOL_NOT_FOUND", "not BROKER_EXCHANGE_SYMBOL_MODE"),
        (b"YESTER-DAY_NSE_INDEX_NIFTY_DEPTH\0", "MODE_NOT_SUPPORTED", "not recorded in mode DEPTH"),
    ],
)
def test_what_was_not_recorded_is_rejected(catalogue, wire, code, words):
    answer = catalogue.want(wire)
    assert isinstance(answer, Rejected)
    assert answer.code == code
    assert words in answer.message
    assert answer.topic == wire[:-1].decode()


def test_lower_modes_follow_from_recorded_higher_ones(catalogue):
    for mode in ("LTP", "QUOTE", "LTP"):
        wire = f"YESTER-DAY_NSE_SBIN_{mode}\0".encode()
        assert catalogue.want(wire) == Accepted(wire[:-1].decode())
    ltp, quote = catalogue.derived(frame())
    assert ltp.topic.endswith(b"_LTP\0")
    data = json.loads(ltp.payload(frame().payload))
    assert data == {k: FULL[k] for k in ("symbol", "exchange", "ltp", "ltt", "volume", "timestamp")}
    assert decode_ltp(json.dumps(data)).ltp == 801.5
    data = json.loads(quote.payload(frame().payload))
    assert data == {key: FULL[key] for key in FULL if key not in {"depth", "bids", "asks"}}
    assert decode_quote(json.dumps(data)).open == 800.0


def test_only_a_trade_makes_an_ltp(catalogue):
    catalogue.want(b"YESTER-DAY_NSE_SBIN_LTP\0")
    (ltp,) = catalogue.derived(frame())
    assert ltp.payload(frame().payload) is not None
    assert ltp.payload(frame(timestamp=7, bids=[]).payload) is None
    assert ltp.payload(frame(volume=11).payload) is not None
    assert ltp.payload(b"no json") is None


def test_what_nobody_wants_any_more_is_not_made(catalogue):
    catalogue.want(b"YESTER-DAY_NSE_SBIN_LTP\0")
    catalogue.drop(b"YESTER-DAY_NSE_SBIN_LTP\0")
    catalogue.drop(b"YESTER-DAY_NSE_SBIN_DEPTH\0")
    assert catalogue.derived(frame()) == []
