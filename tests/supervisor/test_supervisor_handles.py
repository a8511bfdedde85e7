"""Processes that are not our children: seen to end at once, and never mistaken for another."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from supervisor.processes import handles
from supervisor.processes.handles import UNKNOWN_EXIT, Observed

pytestmark = pytest.mark.process


@pytest.fixture
def sleeper():
    code = "import time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()  # before that it is hardly in memory
        yield process
        process.kill()


@pytest.fixture(params=["pidfd", "psutil"])
def way(request, monkeypatch):
    """Both ways of watching, on any system that has them."""
    if request.param == "psutil":
        monkeypatch.setattr(handles, "_open_pidfd", lambda _: None)
    elif not hasattr(os, "pidfd_open"):
        pytest.skip("this system has no pidfd")


@pytest.mark.usefixtures("way")
def test_an_observed_process_can_be_seen_and_ended(sleeper):
    observed = Observed(sleeper.pid)
    assert observed.poll() is None
    assert observed.rss_bytes() > 1_000_000
    assert abs(observed.create_time - time.time()) < 60
    observed.terminate()
    sleeper.wait(5)
    assert observed.poll() == UNKNOWN_EXIT
    assert observed.rss_bytes() == 0
    observed.kill()  # is nobody's any more, and hits nobody


@pytest.mark.usefixtures("way")
def test_a_stopped_process_is_aborted_all_the_same(sleeper):
    observed = Observed(sleeper.pid)
    sleeper.send_signal(signal.SIGSTOP)
    observed.abort()
    assert sleeper.wait(5) == -signal.SIGABRT
    assert observed.poll() == UNKNOWN_EXIT


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system has no pidfd")
def test_an_end_is_told_at_once_and_leaves_no_descriptor(sleeper):
    async def test():
        before = psutil.Process().num_fds()
        told = asyncio.Event()
        observed = Observed(sleeper.pid)
        observed.watch(told.set)
        killed = time.monotonic()
        sleeper.kill()
        await asyncio.wait_for(told.wait(), 5)
        print(f"told after {(time.monotonic() - killed) * 1000:.1f} ms")
        assert observed.poll() == UNKNOWN_EXIT
        assert psutil.Process().num_fds() == before

    asyncio.run(test())


@pytest.mark.usefixtures("way")
def test_a_process_that_was_gone_before_counts_as_ended(sleeper):
    sleeper.kill()
    sleeper.wait(5)
    assert Observed(sleeper.pid).poll() == UNKNOWN_EXIT
