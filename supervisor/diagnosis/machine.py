"""Is this machine one that we can run on? Python, ports, permissions, clock, files, disk. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from supervisor.diagnosis.facts import Facts, Holder, PortFact
from supervisor.diagnosis.findings import Finding, Level

_INDIA_S: Final = 19800.0
_MOVED_S: Final = 2.0
_LITTLE: Final = 512 * 1024 * 1024
#: Files that a process of ours has open beside its clients.
_OWN_FILES: Final = 256
_OPENALGO: Final = re.compile(r"openalgo(?!.stream)|websocket_proxy|\bapp\.py\b", re.IGNORECASE)


def python(facts: Facts) -> Iterator[Finding]:
    if not (3, 11) <= facts.python[:2] <= (3, 13):
        spelled = ".".join(map(str, facts.python))
        yield Finding(
            "python", Level.ERROR, f"Python {spelled} is not 3.11 to 3.13",
            "make clean && make PYTHON=python3.12 up",
        )  # fmt: skip
    for name, version in facts.libraries.items():
        if version is None:
            yield Finding(
                "python", Level.ERROR, f"the library {name} is not installed",
                f"pip install {name}",
            )  # fmt: skip


def ports(facts: Facts) -> Iterator[Finding]:
    for fact in facts.ports:
        ours = facts.supervised if fact.holder is None else fact.holder.ours
        if not fact.refused or ours:  # where nobody may see who has it, it is most likely us
            continue
        yield Finding(
            "ports", Level.ERROR,
            f"{fact.key} = {fact.port} cannot be had ({fact.refused}): {_who(fact.holder)}",
            _free(fact),
        )  # fmt: skip
    taken = {fact.port for fact in facts.ports if fact.refused}
    for port, command in facts.beside.items():
        if port not in taken:
            yield Finding(
                "ports", Level.NOTE,
                f"OpenAlgo's port {port} is used beside us: {command or 'by another user'}",
            )  # fmt: skip


def _who(holder: Holder | None) -> str:
    if holder is None:
        return "the system says no more"
    if holder.pid is None:
        return "a process of another user has it"
    kind = "OpenAlgo, it seems" if _OPENALGO.search(holder.command) else holder.command
    return f"pid {holder.pid} has it ({kind})"


def _free(fact: PortFact) -> str:
    section, _, key = fact.key.partition(".")
    end = f"kill {fact.holder.pid}, or " if fact.holder and fact.holder.pid else ""
    return f"{end}write another one under [{section}]: {key} = {fact.port + 10}"


def permissions(facts: Facts) -> Iterator[Finding]:
    for fact in facts.files:
        if not fact.mine:
            yield Finding(
                "permissions", Level.ERROR, f"{fact.path} belongs to somebody else",
                f"sudo chown -R $(id -un) {fact.path}",
            )  # fmt: skip
        elif not fact.writable:
            yield Finding(
                "permissions",
                Level.ERROR,
                f"{fact.path} cannot be written",
                f"chmod u+w {fact.path}",
            )
        elif fact.mode is not None and fact.mode & 0o077:
            yield Finding(
                "permissions", Level.WARNING,
                f"{fact.path} can be read by others (mode {fact.mode:o})",
                f"chmod go= {fact.path}",
            )  # fmt: skip


def clock(facts: Facts) -> Iterator[Finding]:
    clock = facts.clock
    if clock.synchronized is False:
        yield Finding(
            "clock", Level.WARNING, "the system's clock is not synchronized",
            "sudo timedatectl set-ntp true",
        )  # fmt: skip
    if clock.moved_s is not None and abs(clock.moved_s) > _MOVED_S:
        yield Finding(
            "clock", Level.WARNING,
            f"the clock was moved by {clock.moved_s:+.0f} s since the supervisor began; ages and "
            "latencies from before are wrong",
            "sudo timedatectl set-ntp true",
        )  # fmt: skip
    if clock.utc_offset_s != _INDIA_S:
        hours = clock.utc_offset_s / 3600
        yield Finding(
            "clock", Level.NOTE,
            f"this machine is at UTC{hours:+g} h; times of day in the configuration are India's "
            "all the same, and logs are in UTC",
        )  # fmt: skip


def files(facts: Facts) -> Iterator[Finding]:
    if facts.open_files is None:
        return
    _, hard = facts.open_files
    if hard < _OWN_FILES + facts.wanted_files:
        yield Finding(
            "open files", Level.WARNING,
            f"a process may have {hard} files open; {facts.wanted_files} clients from one address "
            f"need {_OWN_FILES + facts.wanted_files}",
            "ulimit -Hn 65536 before `up`, or LimitNOFILE=65536 in the systemd unit",
        )  # fmt: skip


def disk(facts: Facts) -> Iterator[Finding]:
    for fact in facts.disks:
        free = fact.free / 1e9
        if fact.free < _LITTLE:
            yield Finding(
                "disk", Level.ERROR, f"{fact.path} has {free:.1f} GB left",
                f"du -xh --max-depth=2 {fact.path} | sort -h",
            )  # fmt: skip
        elif fact.free < fact.wanted:
            yield Finding(
                "disk", Level.WARNING,
                f"{fact.path} has {free:.1f} GB left and the recorder may take "
                f"{fact.wanted / 1e9:.1f} GB more",
                "write a smaller budget_mb under [recorder]",
            )  # fmt: skip


def leftovers(facts: Facts) -> Iterator[Finding]:
    if facts.supervised:
        return
    for left in facts.leftovers:
        if left.pid is not None:
            yield Finding(
                "leftovers", Level.WARNING,
                f"{left.what}, pid {left.pid}, runs on without a supervisor",
                f"openalgo-stream up{facts.option}: it takes over what runs",
            )  # fmt: skip
        else:
            yield Finding(
                "leftovers", Level.WARNING, f"{left.what} is left of a run that is over",
                f"rm {left.what}",
            )  # fmt: skip
