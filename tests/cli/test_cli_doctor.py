"""`doctor`: what facts mean, and that they are gathered as they are."""

import base64
import dataclasses
import json
import os
import socket
import sqlite3
import sys
import time

import pytest
from click.testing import CliRunner

from bus.control.messages import ProcessStatus, StatusReply, SupervisorStatus
from supervisor.cli import cli
from supervisor.diagnosis.checks import CHECKS, examine
from supervisor.diagnosis.facts import (
    ClockFact,
    CredentialFact,
    DiskFact,
    Facts,
    FileFact,
    Holder,
    Leftover,
    MasterFact,
    OpenAlgoFact,
    PortFact,
)
from supervisor.diagnosis.findings import Level

NOW = 1_763_700_000.0


def status(*processes, version="0.1.0"):
    return StatusReply(SupervisorStatus(1, 60.0, version), list(processes))


def process(name, state, detail=""):
    return ProcessStatus(
        name=name, role="adapter", state=state, pid=7, generation=1, restarts=0, uptime_s=1.0,
        endpoint="", cpu_percent=1.0, rss_bytes=1, heartbeat_age_s=0.1, detail=detail, stats={},
    )  # fmt: skip


FINE = Facts(
    now=NOW,
    option=" --config t.toml",
    config_file="t.toml",
    config_problems=(),
    python=(3, 11, 7),
    version="0.1.0",
    libraries={"pyzmq": "27.0"},
    ports=[PortFact("proxy.port", "127.0.0.1", 8765, "", None)],
    files=[FileFact("state", 0o700, mine=True, writable=True)],
    credentials=[CredentialFact("zerodha", "zerodha", "access_token", "env:T", NOW + 86400)],
    masters=[MasterFact("zerodha", 3600.0, simulated=False)],
    disks=[DiskFact("/state", 50_000_000_000, 20_000_000_000)],
    clock=ClockFact(19800.0, synchronized=True, moved_s=0.0),
    open_files=(1024, 65536),
    wanted_files=384,
    openalgo=OpenAlgoFact("db", users=1, logins=1),
    supervised=True,
    status=status(process("zerodha", "running")),
)


def told(**changed):
    """What is worse than fine with these facts in place of good ones."""
    return [f for f in examine(dataclasses.replace(FINE, **changed)) if f.level > Level.OK]


def test_good_facts_give_one_good_finding_per_check():
    found = examine(FINE)
    assert [f.check for f in found] == list(CHECKS)
    assert all(f.level is Level.OK and f.text and not f.remedy for f in found)


TAKEN = PortFact("proxy.port", "127.0.0.1", 8765, "Address already in use", None)


@pytest.mark.parametrize(
    ("changed", "level", "text", "remedy"),
    [
        ({"python": (3, 10, 2)}, Level.ERROR, "3.10.2 is not 3.11 to 3.13", "PYTHON=python3.12"),
        ({"libraries": {"pyzmq": None}}, Level.ERROR, "pyzmq is not", "pip install pyzmq"),
        ({"config_problems": ["f:3: proxy.prt: unknown key"]}, Level.WARNING, "f:3: proxy.prt",
         "openalgo-stream config check --config t.toml"),
        ({"config_file": None}, Level.NOTE, "no configuration", "config init"),
        ({"supervised": False, "status": None}, Level.NOTE, "nothing of this instance is running",
         "openalgo-stream up --config t.toml"),
        ({"status": None}, Level.ERROR, "does not answer", "logs supervisor --config t.toml"),
        ({"status": status(version="0.0.9")}, Level.WARNING, "0.0.9 is running and 0.1.0", "down"),
        ({"status": status(process("dhan", "crash_loop", "exit 70\nmore"))}, Level.ERROR,
         "dhan is crash_loop: exit 70", "openalgo-stream logs dhan"),
        ({"status": status(process("dhan", "needs_token", "refused"))}, Level.ERROR,
         "dhan waits for a token: refused", "token set dhan --config t.toml"),
        ({"ports": [dataclasses.replace(TAKEN, holder=Holder(42, "python app.py"))]}, Level.ERROR,
         "pid 42 has it (OpenAlgo, it seems)",
         "kill 42, or write another one under [proxy]: port = 8775"),
        ({"ports": [dataclasses.replace(TAKEN, holder=Holder(None))]}, Level.ERROR,
         "a process of another user has it", "write another one under [proxy]: port = 8775"),
        ({"beside": {5555: "python app.py"}}, Level.NOTE, "port 5555 is used beside us", ""),
        ({"files": [FileFact("k", 0o644, mine=True, writable=True)]}, Level.WARNING, "mode 644",
         "chmod go= k"),
        ({"files": [FileFact("k", 0o600, mine=False, writable=True)]}, Level.ERROR, "somebody else",
         "chown"),
        ({"files": [FileFact("k", 0o400, mine=True, writable=False)]}, Level.ERROR, "written",
         "chmod u+w k"),
        ({"clock": ClockFact(19800.0, synchronized=False)}, Level.WARNING, "not synchronized",
         "timedatectl set-ntp true"),
        ({"clock": ClockFact(19800.0, moved_s=-30.0)}, Level.WARNING, "moved by -30 s", "set-ntp"),
        ({"clock": ClockFact(0.0)}, Level.NOTE, "at UTC+0 h", ""),
        ({"open_files": (256, 512)}, Level.WARNING, "384 clients", "LimitNOFILE"),
        ({"credentials": [CredentialFact("d", "dhan", "access_token", "", NOW - 7200)]},
         Level.ERROR, "d: access_token, written in the configuration, has expired 2.0 h ago",
         "openalgo-stream token set d --field access_token --config t.toml"),
        ({"credentials": [CredentialFact("d", "dhan", "access_token", "openalgo:", NOW - 172800)]},
         Level.ERROR, "has expired 2 days ago", "log in to dhan in OpenAlgo"),
        ({"credentials": [CredentialFact("d", "dhan", "access_token", "env:T", NOW + 600)]},
         Level.WARNING, "from env:T, ends in 10 min", "token set d"),
        ({"masters": [MasterFact("dhan", None, simulated=False)]}, Level.WARNING, "dhan has none",
         "openalgo-stream instruments sync --adapter dhan --config t.toml"),
        ({"masters": [MasterFact("dhan", 48 * 3600.0, simulated=False)]}, Level.WARNING, "48 h old",
         "instruments sync --adapter dhan"),
        ({"disks": [DiskFact("/s", 100_000_000)]}, Level.ERROR, "0.1 GB left", "du -xh"),
        ({"disks": [DiskFact("/s", 5_000_000_000, 9_000_000_000)]}, Level.WARNING, "9.0 GB more",
         "budget_mb"),
        ({"openalgo": OpenAlgoFact("db", error="db cannot be read: x")}, Level.ERROR, "db cannot",
         "env_file"),
        ({"openalgo": OpenAlgoFact("db", missing=["auth.broker"])}, Level.ERROR,
         "has no auth.broker", "migrate"),
        ({"openalgo": OpenAlgoFact("db", users=1)}, Level.NOTE, "nobody is logged in", "log in"),
    ],
)  # fmt: skip
def test_each_fault_is_told_with_what_mends_it(changed, level, text, remedy):
    (finding,) = told(**changed)
    assert finding.level is level
    assert text in finding.text
    assert remedy in finding.remedy
    assert bool(finding.remedy) == bool(remedy)


def test_what_is_left_of_a_dead_run_is_told_and_of_a_live_one_is_not():
    left = [Leftover("proxy", 9), Leftover("/state/proxy.next")]
    assert told(leftovers=left) == []
    found = told(leftovers=left, supervised=False, status=None)
    remedies = {f.text: f.remedy for f in found if f.check == "leftovers"}
    assert remedies == {
        "proxy, pid 9, runs on without a supervisor": (
            "openalgo-stream up --config t.toml: it takes over what runs"
        ),
        "/state/proxy.next is left of a run that is over": "rm /state/proxy.next",
    }


def test_a_mistake_is_an_error_where_nothing_runs_that_has_read_the_file():
    found = told(config_problems=["f:3: proxy.prt: unknown key"], supervised=False, status=None)
    assert {f.check: f.level for f in found}["config"] is Level.ERROR


def test_a_port_of_nobody_knows_whom_is_taken_to_be_ours_while_we_run():
    assert told(ports=[TAKEN]) == []
    found = told(ports=[TAKEN], supervised=False, status=None)
    (port,) = [f for f in found if f.check == "ports"]
    assert port.level is Level.ERROR
    assert "the system says no more" in port.text
    assert "port = 8775" in port.remedy


def test_ports_that_are_ours_and_masters_of_simulators_are_no_fault():
    ours = dataclasses.replace(TAKEN, holder=Holder(42, "python -P -m proxy", ours=True))
    assert told(ports=[ours], masters=[MasterFact("a", None, simulated=True)]) == []


# --- as it is gathered ------------------------------------------------------------------------


@pytest.fixture
def doctor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(config):
        file = tmp_path / "openalgo-stream.toml"
        file.write_text(f"[paths]\nstate = 'state'\n[marketdata]\nport = 0\n{config}")
        file.chmod(0o644)
        done = CliRunner().invoke(cli, ["doctor", "--json"])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        findings = json.loads(done.stdout)["findings"]
        return done.exit_code, {(f["check"], f["level"]): f for f in findings}

    return run


def token(**claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.c2ln"


def test_a_taken_port_is_told_with_the_pid_of_who_has_it(doctor):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code, found = doctor(f"[proxy]\nport = {port}\n[adapters.a]\nbroker = 'replay'\n")
    assert code == 1
    told = found["ports", "error"]
    assert f"proxy.port = {port}" in told["text"]
    if sys.platform == "linux":
        assert told["remedy"].startswith(f"kill {os.getpid()}, or ")


def test_an_expired_token_in_a_readable_file_and_no_master_are_told_without_the_token(doctor):
    expired = token(exp=int(time.time()) - 3600)
    code, found = doctor(
        "[proxy]\nport = 0\n[adapters.dhan]\n"
        f"credentials = {{ client_id = 'HIDE', access_token = '{expired}' }}\n"
    )
    assert code == 1
    assert (
        "dhan: access_token, written in the configuration, has expired 1.0 h ago"
        in (found["tokens", "error"]["text"])
    )
    assert "instruments sync --adapter dhan" in found["instruments", "note"]["remedy"]
    if os.name == "posix":
        assert "chmod go= " in found["permissions", "warning"]["remedy"]
    assert expired not in json.dumps(list(found.values()))
    assert "HIDE" not in json.dumps(list(found.values()))


def test_warnings_alone_give_their_own_exit_code(doctor, monkeypatch):
    monkeypatch.setenv("KEY", "k")
    monkeypatch.setenv("TOKEN", token(exp=int(time.time()) + 600))
    code, found = doctor(
        "[proxy]\nport = 0\n[adapters.zerodha]\n"
        "credentials = { api_key = 'env:KEY', access_token = 'env:TOKEN' }\n"
    )
    assert ("tokens", "warning") in found
    levels = {level for _, level in found}
    assert code == (1 if "error" in levels else 4)


@pytest.mark.parametrize("damage", ["", "ALTER TABLE auth DROP COLUMN broker", "DROP TABLE auth"])
def test_the_schema_of_openalgos_database_is_looked_at(doctor, tmp_path, damage):
    database = tmp_path / "openalgo.db"
    with sqlite3.connect(database) as db:
        db.execute("CREATE TABLE api_keys (id, user_id, api_key_hash, api_key_encrypted)")
        db.execute("CREATE TABLE auth (id, name, auth, feed_token, broker, user_id, is_revoked)")
        db.execute("INSERT INTO api_keys VALUES (1, 'u', 'h', 'e')")
        if damage:
            db.execute(damage)
    db.close()
    (tmp_path / ".env").write_text(
        f"API_KEY_PEPPER={'p' * 64}\nDATABASE_URL=sqlite:///{database}\nFERNET_SALT=s\n"
    )
    _, found = doctor(
        "[proxy]\nport = 0\n[adapters.a]\nbroker = 'replay'\n[openalgo]\nenv_file = '.env'\n"
        "bus = 'off'\n"
    )
    if damage:
        missing = "auth.broker" if "ALTER" in damage else "auth"
        assert f"has no {missing}:" in found["openalgo", "error"]["text"]
    else:
        assert "nobody is logged in" in found["openalgo", "note"]["text"]
