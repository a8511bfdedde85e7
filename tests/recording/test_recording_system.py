"""The recorder among real processes."""

import json

import pytest

from recording.archive import Archive
from recording.moments import in_india

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

MARKET = """
[simulators.sim]
broker = "zerodha"
rate = 400
date = "2025-12-15"
seed = 5

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = { api_key = "k", access_token = "t" }
"""
RECORDER = """
[recorder]
enabled = true
symbols = ["NSE:RELIANCE", "NSE:SBIN"]
"""


def test_what_flows_is_recorded_whole_and_the_recorder_may_die(system):
    one = system(MARKET + RECORDER).up()
    one.wait_for(lambda: one.process("recorder")["stats"]["recorded_total"] > 100)
    first = one.process("recorder")
    assert first["stats"]["lost_total"] == 0
    one.run("restart", "recorder")
    one.wait_for(lambda: one.process("recorder")["stats"]["recorded_total"] > 100)
    assert json.loads(one.run("status", "--json").stdout)
    one.run("down")
    with Archive(one.folder / "state" / "recordings") as archive:
        ticks = [frame for frame in archive.frames() if frame.kind == 1]
        topics = {frame.topic.decode() for frame in ticks}
        assert topics == {"ZERODHA_NSE_RELIANCE_DEPTH", "ZERODHA_NSE_SBIN_DEPTH"}
        assert [gap.reason for gap in archive.gaps()] == ["down"]
        assert len(archive.segments) == 2
        for segment in archive.segments:
            assert segment.index.complete
            for topic in topics:
                numbers = [f.sequence for f in segment.frames(topics=[topic])]
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
                assert len(numbers) > 10


REPLAY = """
[adapters.zerodha]
broker = "replay"
options = {{ path = {path}, speed = 0, stamps = "recorded", start = "paused" }}
"""


def test_what_is_recorded_can_be_played_and_recorded_again(system):
    """A simulator's market, recorded by a command; a replay of it, steered and recorded again."""
    one = system(MARKET).up()
    out = one.folder / "first.rec"
    done = one.run(
        *("record", "NSE:RELIANCE", "NSE:SBIN", "NSE:NOSUCH"),
        *("--duration", "3s", "-o", str(out), "--json"),
    )
    told = json.loads(done.stdout)
    assert told["records"] > 20
    assert told["bus_lost"] == told["queue_lost"] == told["disk_lost"] == 0
    assert list(told["refused"]) == ["NSE:NOSUCH at zerodha"]
    assert {file.stat().st_mode & 0o077 for file in out.parent.glob("first.rec*")} == {0}
    one.run("down")
    first = verified(one, out)

    two = system(REPLAY.format(path=json.dumps(str(out))))
    two.config.write_text(two.config.read_text() + "[recorder]\nenabled = true\n")
    two.up()
    two.wait_for(lambda: two.process("recorder")["stats"]["feeds"] == 1)
    assert replay(two)["replay"] == "paused"
    assert two.run("replay", "seek", "noon", check=False).returncode == 2
    two.run("replay", "speed", "1")
    with Archive(out) as archive:
        middle = in_india((archive.first_ns + archive.last_ns) // 2).isoformat()
    assert middle[:10] in two.run("replay", "seek", middle).stdout
    two.run("replay", "speed", "0")
    two.run("replay", "seek", "2020-01-01")  # before its beginning: a whole pass again
    two.run("replay", "resume")
    two.wait_for(lambda: replay(two)["replay"] == "ended")
    assert replay(two)["digest"] == first["digest"]
    two.wait_for(lambda: two.process("recorder")["stats"]["recorded_total"] >= first["ticks"])
    two.run("down")
    assert verified(two, two.folder / "state" / "recordings") == first


def replay(system):
    return json.loads(system.run("replay", "status", "--json").stdout)


def verified(system, path):
    told = json.loads(system.run("recordings", "verify", str(path), "--json").stdout)
    assert all(row["complete"] and not row["damages"] for row in told["files"])
    return told["adapters"]["ZERODHA"]


def test_commands_that_find_no_replay_say_so(system):
    one = system(MARKET).up()
    done = one.run("replay", "pause", check=False)
    assert done.returncode == 1
    assert "no such replay runs" in done.stderr
    assert "no adapter 'x' is up" in one.run("record", "-a", "x", check=False).stderr
