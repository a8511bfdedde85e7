"""Candles out of recordings: what a trade is, where a candle begins, what is known."""

import gzip
import json
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.frames import Frame, Kind
from bus.market.hours import IST
from bus.market.ticks import LtpData, encode_json
from recording.archive import Archive
from recording.candles import Candles
from recording.history import answer
from recording.intervals import INTERVALS, Interval, IntervalError, day_began
from recording.notes import Gap
from recording.questions import Answer, Question
from recording.writer import SegmentWriter

MASTER = Path("instrument-masters") / "upstox_nse_2025-10-05.jsonl.gz"
MAXHEALTH = b'"k":"NSE_EQ|INE027H01010"'
OPEN = datetime(2026, 1, 5, 9, 15, tzinfo=IST)
ALL = [text for texts in INTERVALS.values() for text in texts]


def tick(seconds, price, volume=0, *, ltt=0, topic="ZERODHA_NSE_SBIN_LTP", **more):
    """A tick so many seconds after the opening."""
    at_ns = int((OPEN + timedelta(seconds=seconds)).timestamp() * 1e9)
    fields = {"volume": volume, "ltt": ltt} | more
    told = {name: value for name, value in fields.items() if value}
    data = LtpData(symbol="SBIN", exchange="NSE", ltp=price, timestamp=at_ns // 10**6, **told)
    return Frame(topic.encode(), Kind.TICK, 0, 1, 1, at_ns, encode_json(data))


def candles(interval, *frames, exchange="NSE"):
    made = Candles(Interval.of(interval), exchange)
    for frame in frames:
        made.add(frame)
    return [(c.timestamp, c.open, c.high, c.low, c.close, c.volume) for c in made.all()]


def at(seconds):
    return int((OPEN + timedelta(seconds=seconds)).timestamp())


def test_ticks_become_candles_that_begin_with_the_session():
    told = candles(
        "5m",
        tick(1, 100.0, 1000),
        tick(2, 103.0, 1100),
        tick(200, 99.0, 1500),
        tick(299.9, 101.0, 1510),
        tick(300, 102.0, 1600),
        tick(1200, 90.0, 1601),
    )
    assert told == [
        (at(0), 100.0, 103.0, 99.0, 101.0, 510),
        (at(300), 102.0, 102.0, 102.0, 102.0, 90),
        (at(1200), 90.0, 90.0, 90.0, 90.0, 1),
    ]


def test_what_tells_of_no_trade_makes_no_candle():
    was_ms = at(0) * 1000
    told = candles(
        "1m",
        tick(0, 100.0, 10, ltt=was_ms),
        tick(30, 101.0, 11, ltt=was_ms + 30_000),
        tick(90, 101.0, 11, ltt=was_ms + 30_000),  # only the book moved
        tick(130, 101.0, 12, ltt=was_ms + 130_000),
    )
    assert [c[0] for c in told] == [at(0), at(120)]
    # Brokers begin with the last trade, however old: it tells the volume, and nothing else.
    late = candles("1m", tick(3600, 100.0, 10, ltt=was_ms), tick(3601, 105.0, 15, ltt=was_ms + 1))
    assert late == [(at(3600), 105.0, 105.0, 105.0, 105.0, 5)]


def test_a_days_candle_has_the_days_volume_wherever_the_recording_begins():
    frames = [tick(100, 100.0, 5000), tick(200, 102.0, 6000), tick(86_400, 50.0, 70)]
    monday, tuesday = (
        int(datetime(2026, 1, d, 0, tzinfo=IST).timestamp()) + 19_800 for d in (5, 6)
    )
    assert candles("D", *frames) == [
        (monday, 100.0, 102.0, 100.0, 102.0, 6000),
        (tuesday, 50.0, 50.0, 50.0, 50.0, 70),
    ]
    assert candles("W", *frames) == [(monday, 100.0, 102.0, 50.0, 50.0, 6070)]
    first = int(datetime(2026, 1, 1, tzinfo=IST).timestamp()) + 19_800
    assert candles("M", *frames) == [(first, 100.0, 102.0, 50.0, 50.0, 6070)]


@given(
    st.integers(1_700_000_000, 1_900_000_000),
    st.sampled_from(ALL),
    st.sampled_from(["NSE", "MCX", "CRYPTO"]),
)
def test_every_moment_lies_in_one_candle(at_s, text, exchange):
    interval = Interval.of(text)
    span = interval.span(at_s, exchange)
    assert span.from_s <= at_s < span.until_s
    assert day_began(span.from_s) == day_began(at_s) == day_began(span.until_s - 1)
    assert interval.span(span.from_s, exchange) == interval.span(span.until_s - 1, exchange) == span
    if interval.length_s:
        assert span.timestamp == span.from_s
        assert span.until_s - span.from_s <= interval.length_s


@given(st.lists(st.tuples(st.floats(0, 20_000), st.floats(1, 1000)), min_size=1, max_size=60))
def test_longer_candles_are_made_of_shorter_ones(trades):
    frames = [
        tick(seconds, round(price, 2), number)
        for number, (seconds, price) in enumerate(sorted(trades), 1)
    ]
    short, long = candles("1m", *frames), candles("1h", *frames)
    for begin, opened, high, low, closed, volume in long:
        parts = [c for c in short if begin <= c[0] < begin + 3600]
        assert (opened, closed) == (parts[0][1], parts[-1][4])
        assert (high, low) == (max(c[2] for c in parts), min(c[3] for c in parts))
        assert volume == sum(c[5] for c in parts)


def test_an_unknown_interval_is_refused():
    with pytest.raises(IntervalError, match="15m"):
        Interval.of("7m")


@pytest.fixture
def recorded(tmp_path):
    """Writes segments; asks about them."""

    def write(number, *contents):
        began_ns = int(OPEN.timestamp()) * 10**9
        path = tmp_path / f"20260105T034500Z-{number:06d}.rec"
        writer = SegmentWriter(path, number, began_ns)
        for one in contents:
            writer.note(one) if isinstance(one, Gap) else writer.frames([one])
        writer.seal()

    def ask(**changes):
        fields = {
            "folder": str(tmp_path),
            "exchange": "NSE",
            "symbol": "SBIN",
            "interval": "1m",
            "from_ns": 0,
            "to_ns": 2**62,
            "adapters": None,
            "limit_s": 60.0,
        }
        return Question(**fields | changes)

    return write, ask


def test_the_answer_says_what_is_known_and_what_is_missing(recorded):
    write, ask = recorded
    missing = Gap("down", None, at(70) * 10**9, at(110) * 10**9)
    earlier = Gap("queue", 5, at(-500) * 10**9, at(-400) * 10**9)
    write(1, earlier, tick(0, 100.0), tick(10, 101.0), tick(60, 102.0))
    write(2, missing, tick(120, 103.0), tick(125, 9.0, topic="ZERODHA_NSE_SBINX_LTP"))
    told = answer(ask())
    assert [c.close for c in told.candles] == [101.0, 102.0, 103.0]
    known = told.known
    assert (known.from_s, known.to_s, known.ticks) == (at(0), at(120), 4)
    assert (known.adapter, known.gaps, known.gaps_total) == ("zerodha", [missing], 1)
    part = answer(ask(from_ns=at(60) * 10**9, to_ns=at(119) * 10**9))
    assert [c.close for c in part.candles] == [102.0]


def test_damage_costs_what_it_touches_and_is_told(recorded, tmp_path):
    write, ask = recorded
    write(1, *(tick(seconds, 100.0 + seconds) for seconds in range(0, 300, 60)))
    [path] = tmp_path.glob("*.rec")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    told = answer(ask())
    assert (len(told.candles), told.known.damaged) == (4, 1)


def test_one_adapter_is_read_in_all_its_modes(recorded):
    write, ask = recorded
    write(
        1,
        tick(0, 100.0),
        tick(1, 50.0, topic="ANGEL_NSE_SBIN_LTP"),
        tick(2, 101.0, topic="ZERODHA_NSE_SBIN_DEPTH"),
    )
    [candle] = answer(ask()).candles
    assert (candle.open, candle.low, candle.close) == (100.0, 100.0, 101.0)
    assert answer(ask(adapters=["ANGEL"])).candles[0].open == 50.0
    assert answer(ask(adapters=["DHAN"])).failure == "empty"


def test_why_there_is_no_answer_is_said(recorded, tmp_path):
    write, ask = recorded
    assert answer(ask()).failure == "empty"
    assert answer(ask(folder=str(tmp_path / "nowhere"))).failure == "empty"
    write(1, tick(0, 100.0))
    assert answer(ask(symbol="TCS")).failure == "empty"
    assert answer(ask(from_ns=at(10) * 10**9)).failure == "empty"
    assert answer(ask(limit_s=-1.0)).failure == "long"


def test_the_process_answers_one_line_with_one_line(recorded):
    write, ask = recorded
    write(1, tick(0, 100.0))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "recording.history"],
        input=msgspec.json.encode(ask()) + b"\n",
        capture_output=True,
        check=True,
    )
    assert msgspec.json.decode(done.stdout, type=Answer) == answer(ask())


@pytest.mark.realdata
def test_candles_of_a_real_morning_hold_all_that_was_traded(data_folder, tmp_path):
    part, recording = tmp_path / "2025-12-15.jsonl.gz", tmp_path / "day.rec"
    whole = data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz"
    with gzip.open(whole) as lines, gzip.open(part, "wb", 1) as kept:
        kept.writelines(one for one in islice(lines, 20_000) if MAXHEALTH in one)
    command = [sys.executable, "-P", "-m", "supervisor", "recordings", "import", part]
    command += ["--out", recording, "--master", data_folder / MASTER]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    with Archive(recording) as archive:
        ticks = [json.loads(frame.payload) for frame in archive.frames()]
    asked = Question(
        folder=str(recording),
        exchange="NSE",
        symbol="MAXHEALTH",
        interval="1m",
        from_ns=0,
        to_ns=2**62,
        adapters=None,
        limit_s=60.0,
    )
    minutes = answer(asked).candles
    [day] = answer(msgspec.structs.replace(asked, interval="D")).candles
    traded = [tick["volume"] for tick in ticks]
    assert sum(candle.volume for candle in minutes) == traded[-1] - traded[0] > 0
    assert day.volume == traded[-1]
    prices = [tick["ltp"] for tick in ticks]
    for candles in (minutes, [day]):
        assert max(candle.high for candle in candles) == max(prices)
        assert min(candle.low for candle in candles) == min(prices)
        assert (candles[0].open, candles[-1].close) == (prices[0], prices[-1])
    # The exchange says the same of the part of the day that it tells of.
    assert min(prices) >= ticks[-1]["low"]
    assert max(prices) <= ticks[-1]["high"]
