"""What systemd is told, and the unit file that asks for it."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from supervisor.notify import ALIVE, READY, notify, watchdog_s

UNIT = Path(__file__).parents[2] / "deploy" / "openalgo-stream.service"
needs_unix_sockets = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets"
)


@needs_unix_sockets
@pytest.mark.parametrize("abstract", [False, True])
def test_a_state_is_sent_to_the_socket_that_is_named(tmp_path, abstract):
    name = f"@openalgo-stream-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        try:
            systemd.bind(name.replace("@", "\0", 1) if abstract else name)
        except OSError:
            pytest.skip("this system has no abstract sockets")
        assert notify(READY, {"NOTIFY_SOCKET": name})
        assert systemd.recv(100) == b"READY=1"


@needs_unix_sockets
def test_one_that_does_not_read_holds_nobody_up(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        told = 0
        while notify(ALIVE, environ):  # without its patience this would never end
            told += 1
        assert told > 0


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/no/such/socket"}])
def test_nobody_to_tell_is_no_error(environ):
    assert not notify(READY, environ)


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "7"}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
    ],
)
def test_signs_of_life_come_twice_in_the_time_allowed(environ, seconds):
    assert watchdog_s(environ, pid=7) == seconds


def test_the_unit_file_is_one_that_systemd_takes():
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is missing: the unit file is not checked on this machine")
    done = subprocess.run(
        [analyze, "verify", str(UNIT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr
