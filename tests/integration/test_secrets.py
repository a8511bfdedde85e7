"""No credential leaves the pipe it travels on: planted ones are searched for everywhere."""

import json

import psutil
import pytest

pytestmark = pytest.mark.process

PLANTED_KEY, PLANTED_TOKEN = "planted-api-key-0815", "planted-access-token-4711"


def test_planted_credentials_appear_in_no_argv_environment_log_status_or_file(system, monkeypatch):
    monkeypatch.setenv("PLANTED_TOKEN", PLANTED_TOKEN)
    one = system(
        '[simulators.sim]\nbroker = "zerodha"\n'
        '[adapters.zerodha]\nurl = "simulator:sim"\ninstruments = "simulator:sim"\n'
        f'credentials = {{ api_key = "{PLANTED_KEY}", access_token = "env:PLANTED_TOKEN" }}\n'
    ).up()
    key = one.key()
    with one.connect(key) as client:
        client.send('{"action": "subscribe", "symbol": "SBIN", "exchange": "NSE", "mode": 1}')
        client.recv(timeout=5)
    run = json.loads((one.folder / "state" / "run.json").read_text())
    secrets = [PLANTED_KEY, PLANTED_TOKEN, key, run["secret"]]

    shown = [json.dumps(one.status()), one.run("status").stdout]
    for pid in one.pids():
        process = psutil.Process(pid)
        shown.append(" ".join(process.cmdline()))
        if pid != run["pid"]:  # ours was given the variable by this very test
            shown.append(str(process.environ()))
    one.run("restart", "zerodha")
    one.run("down")
    shown.append(one.logs())
    kept = [file for file in (one.folder / "state").rglob("*") if file.is_file()]
    shown += [file.read_bytes().decode(errors="replace") for file in kept]
    for secret in secrets:
        assert not any(secret in text for text in shown)


def test_the_state_directory_is_for_its_owner_only(system):
    one = system("").up("--demo")
    state = one.folder / "state"
    assert state.stat().st_mode & 0o077 == 0
    for name in ("run.json", "keys.db"):
        assert (state / name).stat().st_mode & 0o077 == 0
