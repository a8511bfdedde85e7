"""History over HTTP: candles from recordings, what is known of them, and what to do without."""

import asyncio
import sys
from datetime import datetime

import psutil
import pytest

from bus.frames import Frame, Kind
from bus.market.hours import IST
from bus.market.ticks import LtpData, encode_json
from marketdata import history as history_module
from marketdata.history import BrokenError, BusyError, Historian
from recording.questions import Question
from recording.writer import SegmentWriter

OPEN_S = int(datetime(2026, 1, 5, 9, 15, tzinfo=IST).timestamp())
SBIN = {"symbol": "SBIN", "exchange": "NSE", "interval": "1m"}
DAY = {"start_date": "2026-01-05", "end_date": "2026-01-05"}


@pytest.fixture
def recorded(tmp_path):
    """Two minutes of SBIN by adapter `a`."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    writer = SegmentWriter(folder / "20260105T034500Z-000001.rec", 1, OPEN_S * 10**9)
    for seconds, price, volume in ((0, 800.0, 10), (59, 801.5, 40), (60, 799.0, 45)):
        data = LtpData(symbol="SBIN", exchange="NSE", ltp=price, volume=volume, timestamp=0)
        at_ns = (OPEN_S + seconds) * 10**9
        writer.frames([Frame(b"A_NSE_SBIN_LTP", Kind.TICK, 0, 1, 1, at_ns, encode_json(data))])
    writer.seal()


@pytest.mark.usefixtures("recorded")
def test_candles_come_with_the_span_that_is_known(asked):
    async def work(ask):
        told = await ask("history", **SBIN, **DAY, source="api")
        first, second = told["data"]
        assert first == {
            "timestamp": OPEN_S,
            "open": 800.0,
            "high": 801.5,
            "low": 800.0,
            "close": 801.5,
            "volume": 30,
            "oi": 0,
        }
        assert (second["timestamp"], second["volume"]) == (OPEN_S + 60, 5)
        assert told["recorded"] == {
            "from_time": OPEN_S,
            "to_time": OPEN_S + 60,
            "adapter": "a",
            "ticks": 3,
            "gaps": [],
            "gaps_total": 0,
            "damaged": 0,
        }

    asked(work)


@pytest.mark.usefixtures("recorded")
def test_a_key_gets_the_past_of_what_it_may_have(asked):
    async def work(ask):
        await ask("history", 404, **SBIN, **DAY, apikey="bob")  # adapter b recorded nothing
        await ask("history", 403, **SBIN, **DAY, apikey="eve")

    asked(work)


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"start_date": "2026-01-06", "end_date": "2026-01-07"}, 404, "[recorder] enabled = true"),
        ({"symbol": "TCS"}, 404, 'symbols = ["NSE:TCS"]'),
        ({"interval": "7m"}, 400, "there are"),
        ({"start_date": "yesterday"}, 400, "yesterday"),
        ({"start_date": "2026-01-06"}, 400, "not after"),
        ({"start_date": "1990-01-01"}, 400, "not more than"),
    ],
)
@pytest.mark.usefixtures("recorded")
def test_what_is_wrong_or_missing_is_said(asked, changes, status, text):
    async def work(ask):
        assert text in (await ask("history", status, **SBIN | DAY | changes))["message"]

    asked(work)


def test_without_any_recording_it_says_how_to_make_one(asked):
    async def work(ask):
        assert "[recorder]" in (await ask("history", 404, **SBIN, **DAY))["message"]
        assert "5m" in (await ask("intervals"))["data"]["minutes"]

    asked(work)


def question():
    return Question(
        folder="nowhere", exchange="NSE", symbol="SBIN", interval="1m", from_ns=0, to_ns=1,
        adapters=None, limit_s=0.0,
    )  # fmt: skip


def test_a_reader_that_does_not_answer_is_ended(monkeypatch):
    async def go(code):
        monkeypatch.setattr(history_module, "_COMMAND", (sys.executable, "-c", code))
        await Historian("nowhere").ask(question())

    with pytest.raises(BrokenError, match="the log says why"):
        asyncio.run(go("raise SystemExit('broken')"))
    monkeypatch.setattr(history_module, "_GRACE_S", 0.2)
    with pytest.raises(BrokenError, match="not read in time"):
        asyncio.run(go("import threading; threading.Event().wait()"))


def test_a_reader_ends_when_nobody_waits_for_it(monkeypatch, tmp_path):
    note = tmp_path / "pid"
    code = (
        "import os, pathlib, threading\n"
        f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}}.')\n"
        "threading.Event().wait()"
    )
    monkeypatch.setattr(history_module, "_COMMAND", (sys.executable, "-c", code))

    async def go():
        asked = asyncio.create_task(Historian("nowhere").ask(question()))
        async with asyncio.timeout(60):
            while not note.exists() or not note.read_text().endswith("."):
                await asyncio.sleep(0.01)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            pid = int(note.read_text()[:-1])
            while psutil.pid_exists(pid):
                await asyncio.sleep(0.01)

    asyncio.run(go())


def test_only_so_many_may_wait(monkeypatch):
    async def go():
        go_on = asyncio.Event()

        async def read(_question):
            await go_on.wait()
            return "read"

        monkeypatch.setattr(history_module, "_read", read)
        historian = Historian("nowhere")
        asked = [asyncio.create_task(historian.ask(question())) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await historian.ask(question())
        go_on.set()
        assert await asyncio.gather(*asked) == ["read"] * 4
        assert await historian.ask(question()) == "read"

    asyncio.run(go())
