"""Kite's bytes, both ways, and against golden vectors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.brokers.zerodha.packets import decode, encode
from simulators.markets.market import Instrument, Level, Snapshot

INFY = Instrument(exchange="NSE", symbol="INFY", exchange_token=1594)
NIFTY = Instrument(exchange="NSE_INDEX", symbol="NIFTY", exchange_token=1001, name="NIFTY 50")
INFY_TOKEN, NIFTY_TOKEN = 408065, 256265

paise = st.integers(0, 2**32 - 1)
uint32 = st.integers(0, 2**32 - 1)
seconds = st.integers(0, 2**32 - 1)


@st.composite
def snapshots(draw: st.DrawFn, scale: int) -> Snapshot:
    def price() -> float:
        return draw(paise) / scale

    def side() -> tuple[Level, ...]:
        levels = draw(st.lists(st.tuples(paise, uint32, st.integers(0, 65_535)), max_size=5))
        return tuple(Level(p / scale, quantity, orders) for p, quantity, orders in levels)

    return Snapshot(
        number=0,
        ltp=price(),
        last_quantity=draw(uint32),
        average_price=price(),
        volume=draw(uint32),
        buy_quantity=draw(uint32),
        sell_quantity=draw(uint32),
        open=price(),
        high=price(),
        low=price(),
        close=price(),
        last_trade_ms=draw(seconds) * 1000,
        exchange_ms=draw(seconds) * 1000,
        oi=draw(uint32),
        oi_high=draw(uint32),
        oi_low=draw(uint32),
        bids=side(),
        asks=side(),
    )


TOKENS = [INFY_TOKEN, 374275, 1001 * 256 + 6]  # divisors 100, 10,000,000 and 10,000


@given(token=st.sampled_from(TOKENS), data=st.data())
def test_full_packet_holds_the_snapshot(token, data, read_packet):
    scale = {3: 10_000_000, 6: 10_000}.get(token & 0xFF, 100)
    snapshot = data.draw(snapshots(scale))
    tick = read_packet(encode(token, snapshot, "full"))
    assert tick["token"] == token
    assert tick["length"] == 184
    for name in ("ltp", "average_price", "open", "high", "low", "close"):
        assert tick[name] == getattr(snapshot, name)
    for name in ("last_quantity", "volume", "buy_quantity", "sell_quantity"):
        assert tick[name] == getattr(snapshot, name)
    for name in ("oi", "oi_high", "oi_low"):
        assert tick[name] == getattr(snapshot, name)
    assert tick["trade_s"] * 1000 == snapshot.last_trade_ms
    assert tick["exchange_s"] * 1000 == snapshot.exchange_ms
    for side in ("bids", "asks"):
        given_levels = [tuple(level) for level in getattr(snapshot, side)]
        assert tick[side] == given_levels + [(0, 0, 0)] * (5 - len(given_levels))


@given(snapshot=snapshots(100))
def test_smaller_packets_are_the_beginning_of_the_full_one(snapshot):
    full = encode(INFY_TOKEN, snapshot, "full")
    assert encode(INFY_TOKEN, snapshot, "quote") == full[:44]
    assert encode(INFY_TOKEN, snapshot, "ltp") == full[:8]


@given(snapshot=snapshots(100))
def test_index_packets_have_their_own_order(snapshot, read_packet):
    tick = read_packet(encode(NIFTY_TOKEN, snapshot, "full"))
    assert tick["length"] == 32
    for name in ("ltp", "open", "high", "low", "close"):
        assert tick[name] == getattr(snapshot, name)
    assert tick["exchange_s"] * 1000 == snapshot.exchange_ms
    assert len(encode(NIFTY_TOKEN, snapshot, "quote")) == 28
    assert len(encode(NIFTY_TOKEN, snapshot, "ltp")) == 8


@given(token=st.sampled_from([*TOKENS, NIFTY_TOKEN]), data=st.data())
def test_decoded_packet_encodes_to_the_same_bytes(token, data):
    snapshot = data.draw(snapshots(100))
    for mode in ("ltp", "quote", "full"):
        packet = encode(token, snapshot, mode)
        assert encode(token, decode(packet, 0)[1], mode) == packet


def test_values_beyond_a_field_become_its_limit(read_packet):
    snapshot = Snapshot(
        number=0,
        ltp=-5.0,
        volume=2**40,
        exchange_ms=-1000,
        bids=(Level(1.0, 2**33, 70_000),),
    )
    tick = read_packet(encode(INFY_TOKEN, snapshot, "full"))
    assert tick["ltp"] == 0
    assert tick["volume"] == 2**32 - 1
    assert tick["exchange_s"] == 0
    assert tick["bids"][0] == (1.0, 2**32 - 1, 65_535)


@pytest.mark.parametrize("length", [0, 7, 9, 43, 185])
def test_decode_refuses_other_lengths(length):
    with pytest.raises(ValueError, match="Kite packet"):
        decode(bytes(length), 0)


@pytest.mark.realdata
def test_golden_vectors_are_reproduced(data_folder, read_frame):
    path = data_folder.parent / "brokers" / "vectors" / "zerodha.json"
    if not path.is_file():
        pytest.skip("no golden vectors of zerodha beside the recorded data")
    modes = {"LTP": "ltp", "QUOTE": "quote", "DEPTH": "full"}
    checked = 0
    for vector in json.loads(path.read_text()):
        expected = vector.get("expect", [])
        frames = [f["data"] for f in vector["frames"] if f["kind"] == "binary"]
        packets = [
            p for f in frames if len(f) > 2 and expected for p in read_frame(bytes.fromhex(f))
        ]
        for tick, packet in zip(expected, packets, strict=bool(expected)):
            token = int.from_bytes(packet[:4], "big")
            encoded = encode(token, _expected_snapshot(tick), modes[tick["mode"]])
            assert encoded == packet, vector["name"]
            checked += 1
    assert checked >= 6


def _expected_snapshot(tick: dict) -> Snapshot:
    depth = tick.get("depth", {"buy": [], "sell": []})
    sides = [
        tuple(Level(row["price"], row["quantity"], row["orders"]) for row in depth[side])
        for side in ("buy", "sell")
    ]
    return Snapshot(
        number=0,
        ltp=tick["ltp"],
        last_quantity=tick.get("ltq", 0),
        average_price=tick.get("average_price", 0.0),
        volume=tick.get("volume", 0),
        buy_quantity=tick.get("total_buy_quantity", 0),
        sell_quantity=tick.get("total_sell_quantity", 0),
        open=tick.get("open", 0.0),
        high=tick.get("high", 0.0),
        low=tick.get("low", 0.0),
        close=tick.get("close", 0.0),
        last_trade_ms=tick.get("last_trade_time", 0),
        exchange_ms=tick.get("exchange_timestamp", 0),
        oi=tick.get("oi", 0),
        oi_high=tick.get("oi_high", 0),
        oi_low=tick.get("oi_low", 0),
        bids=sides[0],
        asks=sides[1],
    )
