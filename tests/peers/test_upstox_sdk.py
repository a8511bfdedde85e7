"""Upstox's own streamer reads the simulator: a real morning, value for value, none missing."""

from __future__ import annotations

import asyncio
import collections
import gzip
import itertools
import json
from pathlib import Path

import pytest

from simulators import SimulatorServer, SimulatorSettings

pytestmark = [pytest.mark.peer, pytest.mark.realdata, pytest.mark.timeout(180)]

CLIENT = Path(__file__).with_name("upstox_streamer.py")
#: Of the day's 258,470; the streamer takes a while to make dicts of them.
ROWS = 80_000
#: Instrument keys of the recording, and the mode that each is read in.
MODES = {
    "full": ["NSE_EQ|INE027H01010", "NSE_FO|51502"],
    "ltpc": ["NSE_FO|51420"],
}


def test_streamer_reads_a_recorded_morning(data_folder, peer_python, tmp_path):
    data = tmp_path / "ticks.jsonl"
    with gzip.open(data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz") as file:
        data.write_bytes(b"".join(itertools.islice(file, ROWS)))
    settings = SimulatorSettings(
        broker="upstox",
        data=str(data),
        master=str(data_folder / "instrument-masters" / "upstox_nse_2025-10-05.jsonl.gz"),
        speed=0,
        access_token="token",
    )
    wanted = expected_feeds(data)
    count = sum(map(len, wanted.values()))
    output = asyncio.run(drive(peer_python("upstox"), settings, count))

    state, *feeds = map(json.loads, output.splitlines())
    assert state["type"] == "market_info"
    assert state["marketInfo"]["segmentStatus"] == {
        "NSE_EQ": "NORMAL_OPEN",
        "NSE_FO": "NORMAL_OPEN",
    }
    got = collections.defaultdict(list)
    for line in feeds:
        # The first message for a key is an initial feed, whose type is a 0 and not sent.
        assert line["type"] == ("live_feed" if got[line["key"]] else None)
        got[line["key"]].append(without_minutes(line["feed"]))
    assert {key: len(feeds) for key, feeds in got.items()} == (
        {key: len(feeds) for key, feeds in wanted.items()}
    )
    for key, feeds in wanted.items():
        for number, (is_, should) in enumerate(zip(got[key], feeds, strict=True)):
            assert is_ == should, f"feed {number} of {key}"


async def drive(python: Path, settings: SimulatorSettings, count: int) -> str:
    """Play the recording to the streamer as fast as it reads; returns what it understood."""
    server = SimulatorServer(settings)
    port = await server.start()
    try:
        process = await asyncio.create_subprocess_exec(
            str(python),
            str(CLIENT),
            str(port),
            json.dumps(MODES),
            str(count),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    finally:
        await server.stop()
    assert process.returncode == 0, errors.decode()
    assert output, errors.decode()
    return output.decode()


def expected_feeds(data: Path) -> dict[str, list[dict]]:
    """What the SDK must say: the recording is its own output, kept as it was said."""
    modes = {key: mode for mode, keys in MODES.items() for key in keys}
    wanted = collections.defaultdict(list)
    with data.open("rb") as file:
        for line in file:
            row = json.loads(line)
            mode = modes.get(row["k"])
            if mode == "ltpc":
                wanted[row["k"]].append({"ltpc": row["ff"]["marketFF"]["ltpc"]})
            elif mode == "full":
                feed = {"fullFeed": row["ff"], "requestMode": "full_d5"}
                wanted[row["k"]].append(without_minutes(feed))
    return wanted


def without_minutes(feed: dict) -> dict:
    """A feed without what a snapshot does not hold: greeks, the candle of the last minute."""
    if "fullFeed" in feed:
        market = feed["fullFeed"]["marketFF"]
        market.pop("optionGreeks", None)
        market.pop("iv", None)
        [day] = [c for c in market["marketOHLC"]["ohlc"] if c["interval"] == "1d"]
        # Its close and volume lag the last trade in the recording, and are of no use.
        market["marketOHLC"] = {name: day[name] for name in ("open", "high", "low", "ts")}
    return feed
