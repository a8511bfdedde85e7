"""The command line under bad input, and what it prints for tools."""

import json
import re
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

CLI = [sys.executable, "-P", "-m", "supervisor"]


def run(folder, *arguments, **environment):
    done = subprocess.run(
        [*CLI, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=30,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment},
    )
    assert "Traceback" not in done.stderr
    return done


def refused(folder, text, *, exit_code=1, **environment):
    """`up` with this configuration is refused before anything starts; what it says."""
    (folder / "openalgo-stream.toml").write_text(text)
    done = run(folder, "up", **environment)
    assert done.returncode == exit_code, done.stderr
    assert not (folder / ".openalgo-stream").exists(), "something was started"
    return done.stderr


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[proxi]\n", ["openalgo-stream.toml:1: proxi: unknown key; did you mean 'proxy'?"]),
        (
            "[proxy]\nport = 'x'\n",
            ["toml:2: proxy.port: expected `int`, got `str`; it is a whole number from 0 to"],
        ),
        ("[adapters.zeroda]\n", ["adapters.zeroda.broker: no broker 'zeroda'", "'zerodha'?"]),
        (
            "[adapters.zerodha]\ninstruments = 'no.csv'\n",
            ["adapters.zerodha.instruments", "no.csv"],
        ),
        ("[proxy\n", ["not TOML", "line 1"]),
        ("", ["there is none; add an [adapters.NAME] table, or use --demo"]),
        (
            "[adapters.zerodha]\ncredentials = { api_key = 'k' }\n",
            ["adapters.zerodha.credentials.access_token: not set; zerodha needs it"],
        ),
    ],
)
def test_what_cannot_work_is_refused_with_file_key_and_remedy(tmp_path, text, parts):
    told = refused(tmp_path, text)
    assert all(part in told for part in parts), told


def test_a_busy_proxy_port_is_refused_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused(tmp_path, f"[proxy]\nport = {port}\n[adapters.zerodha]\n")
    assert f"proxy.port: 127.0.0.1:{port} cannot be bound (Address already in use)" in told


def test_a_busy_tap_port_is_refused_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused(
            tmp_path,
            f"[proxy]\nport = 0\n[tap]\nenabled = true\nport = {port}\n[adapters.zerodha]\n",
        )
    assert f"tap.port: 127.0.0.1:{port} cannot be bound" in told


def test_without_a_configuration_up_says_what_to_do(tmp_path):
    done = run(tmp_path, "up")
    assert done.returncode == 1
    assert "no openalgo-stream.toml in this directory" in done.stderr
    assert "up --demo" in done.stderr


@pytest.mark.parametrize(
    "command", [["status"], ["status", "--json"], ["down"], ["restart", "x"], ["tail", "NSE:SBIN"]]
)
def test_commands_that_need_a_supervisor_exit_3_without_one(tmp_path, command):
    done = run(tmp_path, *command)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "no supervisor is running" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["stauts"],
        ["status", "--jsn"],
        ["restart"],
        ["simulate", "zerodha", "--port", "99999"],
        ["tail"],
        ["keys", "create"],
    ],
)
def test_wrong_usage_exits_2(tmp_path, command):
    assert run(tmp_path, *command).returncode == 2


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["simulate", "nobody"], "no simulator for broker 'nobody'; known: angel"),
        (["simulate", "zerodha", "--data", "none.gz"], "none.gz"),
        (["decode", "nobody", "x.json"], "unknown broker 'nobody'"),
        (["decode", "zerodha", "none.json"], "none.json"),
        (["keys", "revoke", "x"], "no active key named 'x'"),
        (["logs"], "no logs"),
        (["instruments", "search", "x"], "there are no instruments yet"),
        (["brokers", "zeroda"], "did you mean 'zerodha'?"),
        (["status", "--config", "none.toml"], "none.toml: cannot be read: No such file"),
    ],
)
def test_what_fails_says_what_in_one_line(tmp_path, command, part):
    done = run(tmp_path, *command)
    assert done.returncode == 1
    assert part in done.stderr


def test_every_command_explains_itself(tmp_path):
    commands = re.findall(r"^  (\w+)  ", run(tmp_path, "--help").stdout, re.MULTILINE)
    assert {"up", "down", "status", "restart", "logs", "tail", "keys", "simulate", "decode"} <= set(
        commands
    )
    for command in commands:
        assert run(tmp_path, command, "--help").returncode == 0


def test_keys_are_made_once_listed_and_revoked(tmp_path):
    made = json.loads(run(tmp_path, "keys", "create", "laptop", "--json").stdout)
    assert made.keys() == {"name", "api_key"}
    assert re.fullmatch(r"[0-9a-f]{64}", made["api_key"])
    again = run(tmp_path, "keys", "create", "laptop")
    assert again.returncode == 1
    assert "laptop" in again.stderr
    listed = json.loads(run(tmp_path, "keys", "list", "--json").stdout)
    assert [key["name"] for key in listed] == ["laptop"]
    assert run(tmp_path, "keys", "revoke", "laptop").returncode == 0
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert made["api_key"].encode() not in file.read_bytes()


def test_decode_prints_a_line_per_case(tmp_path):
    cases = [
        {
            "name": "one",
            "context": {
                "instruments": {"779521": {"symbol": "SBIN", "exchange": "NSE"}},
                "subscriptions": {"779521": "LTP"},
            },
            "frames": [{"kind": "binary", "data": "00010008000be50100017c05"}],
        },
        {
            "name": "cut",
            "context": {"instruments": {}, "subscriptions": {}},
            "frames": [{"kind": "binary", "data": "0001002c000b"}],
        },
    ]
    (tmp_path / "frames.json").write_text(json.dumps(cases))
    done = run(tmp_path, "decode", "zerodha", "frames.json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            "name": "one",
            "ticks": [{"symbol": "SBIN", "exchange": "NSE", "mode": "LTP", "ltp": 972.85}],
        },
        {"name": "cut", "ticks": [], "error": "truncated"},
    ]
