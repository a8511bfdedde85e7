"""A whole system whose ticks go through shared memory: exactly once, and nothing stays behind."""

import os
import signal
import sys
from pathlib import Path

import pytest
from tally import SYMBOLS, Counting, market

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="the lane needs Linux"),
]

MARKET = "[bus]\nshared_memory = true\n" + market(1000)


def reads_memory(pid):
    return "memfd:openalgo-stream" in Path(f"/proc/{pid}/maps").read_text()


def test_ticks_go_by_memory_through_restarts_and_a_kill(system):
    one = system(MARKET).up()
    client = Counting(one, one.key(), SYMBOLS)
    one.wait_for(lambda: client.tally.received > 2000)
    client.forget()
    for _ in range(2):
        one.run("restart", "zerodha")
    assert all(reads_memory(one.process(name)["pid"]) for name in ("zerodha", "proxy"))

    before = one.process("zerodha")["pid"]
    seen = client.tally.received
    client.tally.assert_exactly_once(SYMBOLS)
    os.kill(before, signal.SIGKILL)
    one.wait_for(lambda: client.tally.received > seen + 2000)
    one.wait_for(lambda: one.process("zerodha")["stats"].get("topics") == len(SYMBOLS))
    client.stop()
    assert not client.closed
    assert not client.tally.back  # but twice: the broker greets a new session with its last tick
    assert one.process("proxy")["stats"]["lost_total"] == 0
    assert not list(Path("/dev/shm").glob("*openalgo*"))  # noqa: S108 - looked at, not used


def test_an_adapter_may_be_left_out(system):
    one = system(MARKET.replace("[adapters.zerodha]", "[adapters.zerodha]\nshared_memory = false"))
    one.up()
    client = Counting(one, one.key(), SYMBOLS[:5])
    one.wait_for(lambda: client.tally.received > 50)
    client.stop()
    assert not reads_memory(one.process("proxy")["pid"])
