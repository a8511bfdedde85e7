"""What `doctor` asks the machine: who listens where, the clock, limits, OpenAlgo's database."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import psutil

from bus.control.messages import StatusReply
from identity.authority import IdentityError
from identity.openalgo_tables import OpenAlgoTables, Rows
from supervisor.config import Config
from supervisor.diagnosis.facts import ClockFact, Holder, OpenAlgoFact, PortFact
from supervisor.instance import runfile

_ANSWER_S: Final = 2.0
#: A supervisor takes a moment from its process's beginning to its own.
_STARTUP_S: Final = 10.0
#: What is read of OpenAlgo's database.
_TABLES: Final = {
    "api_keys": ("user_id", "api_key_hash", "api_key_encrypted"),
    "auth": ("name", "broker", "auth", "is_revoked"),
}


def pids(status: StatusReply | None, run: runfile.RunFile | None) -> set[int]:
    pids = {process.pid for process in (run.processes if run else ())}
    pids |= {process.pid for process in (status.processes if status else ()) if process.pid}
    return pids


def listening(ours: set[int]) -> dict[int, Holder]:
    """Port -> who listens on it; what other users have is seen, and not who."""
    found: dict[int, Holder] = {}
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:  # macOS tells only root
        return {}
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            pid = connection.pid
            found[connection.laddr.port] = Holder(pid, _command(pid), pid in ours)
    return found


def _command(pid: int | None) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:80] if pid else ""
    except psutil.Error:
        return ""


def ports(settings: Config, listening: dict[int, Holder]) -> Iterator[PortFact]:
    """Of every section that has one that is fixed."""
    for name in Config.__struct_fields__:
        section = getattr(settings, name)
        host, port = getattr(section, "host", None), getattr(section, "port", None)
        if not (isinstance(host, str) and port and getattr(section, "enabled", True)):
            continue
        yield PortFact(f"{name}.port", host, port, _refused(host, port), listening.get(port))


def _refused(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def clock(run: runfile.RunFile | None, status: StatusReply | None) -> ClockFact:
    offset = datetime.now().astimezone().utcoffset()
    moved = None
    if run is not None and status is not None:
        began = time.time() - status.supervisor.uptime_s
        moved = began - run.create_time
        moved = 0.0 if 0 <= moved < _STARTUP_S else moved
    return ClockFact(offset.total_seconds() if offset else 0.0, _synchronized(), moved)


def _synchronized() -> bool | None:
    command = shutil.which("timedatectl")
    if command is None:
        return None
    try:
        done = subprocess.run(
            [command, "show", "-p", "NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"yes": True, "no": False}.get(done.stdout.strip())


def open_files() -> tuple[int, int] | None:
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft, hard if hard != resource.RLIM_INFINITY else 1 << 30


def openalgo(settings: Config) -> OpenAlgoFact | None:
    database = settings.openalgo.database
    if not database:
        return None
    try:
        missing = _missing(database)
        if missing:
            return OpenAlgoFact(database, missing=missing)
        tables = OpenAlgoTables(database)
        try:
            rows = tables.read() or Rows([], [])
        finally:
            tables.close()
    except (sqlite3.Error, IdentityError) as error:
        return OpenAlgoFact(database, error=f"{database} cannot be read: {error}")
    return OpenAlgoFact(database, users=len(rows.keys), logins=len(rows.logins))


def _missing(database: str) -> list[str]:
    missing: list[str] = []
    address = f"file:{quote(database)}?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_ANSWER_S)) as db:
        for table, columns in _TABLES.items():
            rows: list[Any] = db.execute(f"PRAGMA table_info({table})").fetchall()
            known = {row[1] for row in rows}
            if not known:
                missing.append(table)
            else:
                missing += [f"{table}.{column}" for column in columns if column not in known]
    return missing
