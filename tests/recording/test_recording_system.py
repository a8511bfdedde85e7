"""The recorder among real processes."""

import json

import pytest

from recording.archive import Archive

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
