"""What the supervisor does for real processes: crash loops, memory, templates, systemd."""

import contextlib
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from bus.logs.lines import human
from supervisor.processes.memory import LOOK_S

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

CLI = [sys.executable, "-P", "-m", "supervisor"]


def others(one, name):
    return {p["name"]: (p["pid"], p["restarts"]) for p in one.status()["processes"]} | {name: None}


def test_a_crash_loop_shows_its_last_lines_and_touches_nobody_else(system):
    demo = system("").up("--demo")
    before = others(demo, "zerodha")
    deadline = time.monotonic() + 60
    while (found := demo.process("zerodha"))["state"] != "crash_loop":
        assert time.monotonic() < deadline
        if found["pid"] is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found["pid"], signal.SIGKILL)
    assert found["detail"].startswith("ended by SIGKILL: ")
    raw = (demo.folder / "state" / "logs" / "zerodha.log").read_text().splitlines()
    log = "\n".join(text for line in raw for text in human(line))
    lines = found["detail"].removeprefix("ended by SIGKILL: ").split(" | ")
    assert len(lines) > 1
    assert "\n".join(lines) in log
    assert "crash_loop" in demo.run("status").stdout
    assert others(demo, "zerodha") == before
    demo.run("restart", "zerodha")
    demo.wait_for(demo.settled)
    assert demo.process("zerodha")["detail"] == ""


@pytest.mark.parametrize("template", ["true", "false"])
def test_a_killed_process_comes_back_with_and_without_a_template(system, template):
    demo = system(f"[supervisor]\ntemplate = {template}\n").up("--demo")
    for name in ("zerodha", "proxy"):
        old = demo.process(name)["pid"]
        os.kill(old, signal.SIGKILL)
        demo.wait_for(lambda name=name: demo.process(name)["generation"] == 2)
    demo.wait_for(demo.settled)
    parent = psutil.Process(demo.process("zerodha")["pid"]).ppid()
    assert (parent == demo.status()["supervisor"]["pid"]) == (template == "false")


def test_a_template_that_dies_is_not_noticed(system):
    demo = system("").up("--demo")
    before = demo.pids()
    template = psutil.Process(before[1]).ppid()
    os.kill(template, signal.SIGKILL)
    demo.wait_for(lambda: "template is gone" in demo.logs())
    assert demo.pids() == before
    os.kill(demo.process("zerodha")["pid"], signal.SIGKILL)
    demo.wait_for(lambda: demo.process("zerodha")["generation"] == 2)
    demo.wait_for(demo.settled)
    assert demo.process("proxy")["restarts"] == 0
    pids = demo.pids()
    demo.run("down")
    assert not any(runs(pid) for pid in pids)


def runs(pid):
    """Nobody may be there to reap the children of a template that was killed."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_adopted_process_that_is_killed_comes_back(system):
    demo = system("").up("--demo")
    os.kill(demo.status()["supervisor"]["pid"], signal.SIGKILL)
    demo.wait_for(lambda: demo.run("status", check=False).returncode == 3)
    demo.up("--demo")
    os.kill(demo.process("zerodha")["pid"], signal.SIGKILL)
    demo.wait_for(lambda: demo.process("zerodha")["generation"] == 2)
    demo.wait_for(demo.settled)


def test_one_that_grew_too_large_is_handed_over_once(system):
    demo = system("").up("--demo")
    demo.run("down")
    with demo.config.open("a") as file:
        file.write("[supervisor]\nmax_rss_mb = 1\n")  # below what any process has
    demo.up("--demo")
    demo.wait_for(lambda: demo.process("zerodha")["generation"] == 2, timeout_s=8 * LOOK_S)
    time.sleep(4 * LOOK_S)
    after = demo.process("zerodha")
    assert (after["generation"], after["state"]) == (2, "running")
    assert "more than its max_rss_mb; replacing it" in demo.logs()
    assert "SIGKILL" not in demo.logs()


def test_logs_are_followed_across_restarts_and_rotation(system):
    demo = system("").up("--demo")
    log = demo.folder / "state" / "logs" / "zerodha.log"
    told = []
    with subprocess.Popen(
        [*CLI, "logs", "zerodha", "-f", "-n", "0", "--config", str(demo.config)],
        stdout=subprocess.PIPE,
        text=True,
    ) as follower:
        reader = threading.Thread(target=lambda: told.extend(follower.stdout), daemon=True)
        reader.start()
        # It is there once it tells what is written.
        demo.wait_for(lambda: demo.run("restart", "zerodha", "--hard") and told)
        demo.run("restart", "zerodha", "--hard")
        demo.wait_for(lambda: any(" zerodha.3 " in line for line in told))
        os.truncate(log, 0)  # what rotation does to the file that is written
        demo.run("restart", "zerodha", "--hard")
        demo.wait_for(lambda: any(" zerodha.4 " in line for line in told))
        follower.terminate()
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in told), told


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
def pass_on(receiver, told):
    with contextlib.suppress(OSError):
        while True:
            told.put(receiver.recv(100))


def test_systemd_is_told_of_readiness_life_and_stopping(system, monkeypatch, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        told: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=pass_on, args=(systemd, told), daemon=True).start()
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        demo = system("").up_in_foreground("--demo")
        assert [told.get(timeout=30) for _ in range(4)] == [b"READY=1", *3 * [b"WATCHDOG=1"]]
        for pid in demo.pids()[1:]:
            assert "NOTIFY_SOCKET" not in psutil.Process(pid).environ()
        demo.foreground.send_signal(signal.SIGTERM)
        demo.foreground.communicate(timeout=30)
        rest = []
        while b"STOPPING=1" not in rest:
            rest.append(told.get(timeout=30))
