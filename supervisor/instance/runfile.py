"""`run.json`: who supervises this instance, where to ask, and what runs.

Written whole, by atomic rename, readable by its owner only: it holds the run's secret, with
which the command line and a later supervisor are heard. A supervisor that died leaves it
behind; the next one reads from it which processes to adopt.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from bus.secret import Secret, decode_secret, encode_secret
from supervisor.ledger import Account


class ProcessRecord(Struct, frozen=True, kw_only=True):
    """A process that was alive. pid and create time together name it for ever."""

    name: str
    pid: int
    create_time: float
    generation: int
    restarts: int
    #: Whether it stood by while another of its name was the active one.
    standby: bool = False
    #: Whether it was about to take the place of another of its name.
    successor: bool = False
    #: Where it was, so that its next life can have the same port.
    endpoint: str = ""
    #: What its log lines are known by.
    life: str = ""


class RunFile(Struct, frozen=True, kw_only=True):
    """The state of a run."""

    pid: int
    create_time: float
    commands: str
    control: str
    secret: Secret
    processes: list[ProcessRecord] = []
    #: Which credentials adapters use that come from elsewhere: a mark made with the secret.
    tokens: dict[str, str] = {}
    #: What all generations counted, so that totals go on.
    accounts: dict[str, Account] = {}


def new_secret() -> Secret:
    return Secret(secrets.token_hex(32))


def write(path: Path, run: RunFile) -> None:
    """Replace the file in one step; a reader sees the old one or the new one."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(run, enc_hook=encode_secret))
    temporary.replace(path)


def read(path: Path) -> RunFile | None:
    """The last run's state; None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunFile, dec_hook=decode_secret)
    except (OSError, msgspec.DecodeError):
        return None


def is_alive(pid: int, create_time: float) -> bool:
    """Whether that very process, not another with its pid, is alive."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - create_time) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
