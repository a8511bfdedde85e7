"""What a machine may do to a running system: clocks that jump, descriptors that run out."""

import contextlib
import json
import socket
import sys
import textwrap
import time

import psutil
import pytest
from system import MARKET

if sys.platform == "linux":
    import resource

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="limits of other processes are Linux's"),
]
DAY_S = 86_400


@contextlib.contextmanager
def reading(one, key):
    """A client of one symbol; what it yields waits for a tick from now on."""
    with one.connect(key) as client:
        wanted = {"action": "subscribe", "symbol": "RELIANCE", "exchange": "NSE", "mode": 1}
        client.send(json.dumps(wanted))

        def tick():
            began = time.monotonic()
            while time.monotonic() < began + 20:
                message = json.loads(client.recv(timeout=20))
                if message.get("type") == "market_data" and time.monotonic() > began + 0.2:
                    return message
            raise AssertionError(one.logs())

        yield tick


def test_a_wall_clock_that_jumps_restarts_nothing(system, tmp_path, monkeypatch):
    """Forward by two days, then back by four, as a machine does that had no network at boot."""
    offset = tmp_path / "offset"
    offset.write_text("0")
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
            import time
            real = time.time_ns
            def moved():
                with open({str(offset)!r}) as file:
                    return real() + int(file.read() or 0) * 1_000_000_000
            time.time_ns = moved
            time.time = lambda: moved() / 1e9
        """)
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = system(MARKET).up()
    before = one.pids()
    key = one.key()
    with reading(one, key) as tick:
        tick()
        for days in (2, -2):
            offset.write_text(str(days * DAY_S))
            for _ in range(6):  # longer than a heartbeat may take
                time.sleep(1.0)
                tick()
            shown_days = (tick()["data"]["timestamp"] / 1000 - time.time()) / DAY_S
            assert round(shown_days) == days, "the processes' clock did move"
    assert one.pids() == before
    assert all(process["restarts"] == 0 for process in one.status()["processes"])


def test_a_proxy_without_descriptors_goes_on_with_those_it_has_and_says_so(system):
    one = system(MARKET).up()
    proxy = psutil.Process(one.process("proxy")["pid"])
    port = int(one.url().rpartition(":")[2])
    key = one.key()
    with reading(one, key) as tick, contextlib.ExitStack() as crowd:
        tick()
        limit = proxy.num_fds() + 12
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (limit, limit))
        for _ in range(60):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        one.wait_for(lambda: "new connections wait: Too many open files" in log_of(one, "proxy"))
        for _ in range(5):
            tick()
        assert log_of(one, "proxy").count("\n") < 20
        crowd.close()
        with reading(one, key) as another:  # the port is served again
            another()
    assert one.process("proxy")["restarts"] == 0


def log_of(one, name):
    return (one.folder / "state" / "logs" / f"{name}.log").read_text()
