"""Settings, the registry and the process's entry point."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import msgspec
import pytest

from simulators import (
    SIMULATORS,
    DataError,
    ListenError,
    SettingsError,
    SimulatorError,
    SimulatorServer,
    SimulatorSettings,
    UnknownBrokerError,
)
from simulators.cli import run
from simulators.settings import check, session_date


def test_defaults_are_valid():
    check(SimulatorSettings(broker="zerodha"))
    assert session_date(SimulatorSettings(broker="zerodha")) is None
    assert session_date(SimulatorSettings(broker="zerodha", date="2025-12-15")) == dt.date(
        2025, 12, 15
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"port": -1},
        {"port": 65_536},
        {"speed": -1.0},
        {"speed": float("nan")},
        {"speed": float("inf")},
        {"rate": 0.0},
        {"rate": float("nan")},
        {"master": "file"},
        {"date": "yesterday"},
    ],
)
def test_senseless_setting_is_refused_by_name(settings):
    (name,) = settings
    with pytest.raises(SettingsError, match=name):
        SimulatorServer(SimulatorSettings(broker="zerodha", **settings))


def test_a_recording_and_a_made_up_market_exclude_each_other():
    settings = SimulatorSettings(broker="zerodha", market="numbered", data="file")
    with pytest.raises(SettingsError, match="market"):
        SimulatorServer(settings)


def test_unknown_setting_is_refused():
    with pytest.raises(msgspec.ValidationError, match="sped"):
        msgspec.convert({"sped": 1}, SimulatorSettings)


def test_unknown_broker_lists_the_known():
    with pytest.raises(UnknownBrokerError, match="zerodha"):
        SimulatorServer(SimulatorSettings(broker="nobody"))
    assert issubclass(UnknownBrokerError, SimulatorError)
    assert "zerodha" in SIMULATORS


def test_run_tells_what_cannot_be_played(tmp_path):
    with pytest.raises(DataError, match="none"):
        run(SimulatorSettings(broker="zerodha", data=str(tmp_path / "none")))


def test_run_tells_a_taken_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ListenError, match="cannot listen"):
            run(SimulatorSettings(broker="zerodha", port=taken.getsockname()[1]))


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_process_serves_until_a_signal(number):
    command = [sys.executable, "-P", "-m", "supervisor", "simulate", "zerodha", "--seed", "7"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        first = process.stdout.readline()
        match = re.fullmatch(
            r"zerodha simulator on ws://127\.0\.0\.1:(\d+) \(50 instruments, seed 7\)\n", first
        )
        port = int(match[1])
        lines = [process.stdout.readline() for _ in range(3)]
        assert f'instruments = "http://127.0.0.1:{port}/instruments"\n' in lines
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/instruments", timeout=5) as page:
            assert len(page.read().splitlines()) == 51
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(5) == 0
    assert re.search(r"simulator stopped: 0 ticks in 0 frames sent, \d+ rows played", rest)
