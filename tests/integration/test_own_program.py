"""`from bus import Subscriber`: a program of a user's own beside a running system."""

import asyncio
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from system import CLI
from tally import market

from bus import Subscriber
from bus.errors import NoSystemError, TopicError

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

MARKET = market(1000)
LANE = "[bus]\nshared_memory = true\n"
EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "hot_strategy.py"
SYMBOLS = [f"NSE:COUNT{n:02}" for n in range(10)]


def assert_counts(ticks):
    """Each symbol's numbers follow one another."""
    last = {}
    for tick in ticks:
        number = tick.data["ltp"]
        assert last.get(tick.symbol) in {None, number - 1}
        last[tick.symbol] = number


@pytest.mark.parametrize(
    ("bus", "spin_s"),
    [
        ("", 0.0),
        pytest.param(LANE, 0.0, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux")),
        pytest.param(LANE, 0.01, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux")),
    ],
)
def test_a_blocking_program_gets_every_tick_through_a_restart(system, bus, spin_s):
    one = system(bus + MARKET).up()
    with Subscriber(one.folder / "state", spin_s=spin_s) as ticks:
        ticks.subscribe(*SYMBOLS, mode="QUOTE")
        got = list(itertools.islice(ticks, 200))[-1:]  # the broker greets with what was last
        restart = subprocess.Popen([*CLI, "restart", "zerodha", "--config", str(one.config)])
        while restart.poll() is None:
            tick = ticks.read(timeout_s=1.0)
            if tick is not None:
                got.append(tick)
        assert restart.wait() == 0
        got += itertools.islice(ticks, 200)
        assert ticks.lost_total == 0
    assert_counts(got)
    assert {tick.exchange for tick in got} == {"NSE"}
    assert got[0].received_ns > 0


def test_an_event_loop_gets_them_and_what_is_refused(system):
    one = system(MARKET).up()

    async def run():
        got = []
        async with Subscriber(one.folder / "state") as ticks:
            ticks.subscribe("NSE:COUNT00", "NSE:NOBODY")
            async for tick in ticks:
                got.append(tick)
                if len(got) >= 50 and ticks.rejected:
                    break
            ticks.unsubscribe("NSE:COUNT00")
            with pytest.raises(TopicError, match="is not EXCHANGE:SYMBOL"):
                ticks.subscribe("COUNT00")
            return got, ticks.rejected

    got, rejected = asyncio.run(run())
    assert_counts(got[10:])
    assert set(rejected) == {"NSE:NOBODY"}


def test_the_example_runs(system):
    one = system(MARKET).up()
    done = subprocess.run(
        [sys.executable, EXAMPLE, "NSE:COUNT00", "--ticks", "20", "--state", one.folder / "state"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=EXAMPLE.parent.parent,
    )
    assert done.returncode == 0, done.stderr
    assert "20 ticks, 0 lost" in done.stdout


def test_without_a_system_it_says_where_it_looked(tmp_path):
    with pytest.raises(NoSystemError, match=r"no system runs with .*run\.json"):
        Subscriber(tmp_path)
