"""What the facts mean: every check tells what is wrong and the command that mends it. Pure."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from supervisor.diagnosis.facts import Facts, Holder, PortFact
from supervisor.diagnosis.fine import said_when_fine

_INDIA_S: Final = 19800.0
_DAY_S: Final = 86400.0
#: A master is loaded every morning; older than this it was not.
_STALE_MASTER_S: Final = 36 * 3600.0
_SOON_S: Final = 3600.0
_MOVED_S: Final = 2.0
_LITTLE: Final = 512 * 1024 * 1024
#: Files that a process of ours has open beside its clients.
_OWN_FILES: Final = 256
_OPENALGO: Final = re.compile(r"openalgo(?!.stream)|websocket_proxy|\bapp\.py\b", re.IGNORECASE)


class Level(enum.IntEnum):
    """How bad a finding is."""

    OK = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True)
class Finding:
    """What is so, and what mends it (empty where nothing has to be)."""

    check: str
    level: Level
    text: str
    remedy: str = ""


Check = Callable[[Facts], Iterator[Finding]]


def examine(facts: Facts) -> list[Finding]:
    """All findings; a check that finds nothing wrong says that in one."""
    fine = said_when_fine(facts)
    found = []
    for name, check in CHECKS.items():
        told = list(check(facts))
        if not told and fine[name]:
            told = [Finding(name, Level.OK, fine[name])]
        found += told
    return found


def _python(facts: Facts) -> Iterator[Finding]:
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


def _config(facts: Facts) -> Iterator[Finding]:
    if facts.config_file is None:
        yield Finding(
            "config", Level.NOTE, "there is no configuration here; this is about the demo",
            "openalgo-stream config init --broker NAME",
        )  # fmt: skip
    # What runs has read it, perhaps in another environment: the next `up` has not.
    level = Level.WARNING if facts.supervised else Level.ERROR
    for problem in facts.config_problems:
        yield Finding("config", level, problem, f"openalgo-stream config check{facts.option}")


def _supervisor(facts: Facts) -> Iterator[Finding]:
    if not facts.supervised:
        yield Finding(
            "supervisor", Level.NOTE, "nothing of this instance is running",
            f"openalgo-stream up{facts.option or (' --demo' if facts.config_file is None else '')}",
        )  # fmt: skip
        return
    if facts.status is None:
        yield Finding(
            "supervisor", Level.ERROR, "the supervisor lives and does not answer",
            f"openalgo-stream logs supervisor{facts.option}",
        )  # fmt: skip
        return
    running = facts.status.supervisor.version
    if running != facts.version:
        yield Finding(
            "supervisor", Level.WARNING,
            f"version {running} is running and {facts.version} is installed",
            f"openalgo-stream down{facts.option} && openalgo-stream up{facts.option} --detach",
        )  # fmt: skip
    for process in facts.status.processes:
        if process.state in {"failed", "crash_loop"}:
            reason = f": {process.detail.splitlines()[0]}" if process.detail else ""
            yield Finding(
                "supervisor", Level.ERROR, f"{process.name} is {process.state}{reason}",
                f"openalgo-stream logs {process.name}{facts.option}",
            )  # fmt: skip


def _ports(facts: Facts) -> Iterator[Finding]:
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


def _permissions(facts: Facts) -> Iterator[Finding]:
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


def _clock(facts: Facts) -> Iterator[Finding]:
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


def _files(facts: Facts) -> Iterator[Finding]:
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


def _tokens(facts: Facts) -> Iterator[Finding]:
    for fact in facts.credentials:
        where = f", from {fact.source}" if fact.source else ", written in the configuration"
        name = f"{fact.adapter}: {fact.field}{where}"
        command = f"openalgo-stream token set {fact.adapter} --field {fact.field}{facts.option}"
        remedy = f"log in to {fact.broker} in OpenAlgo" if "openalgo:" in fact.source else command
        if fact.expires is None:
            continue
        left = fact.expires - facts.now
        if left <= 0:
            yield Finding("tokens", Level.ERROR, f"{name}, has expired {_ago(-left)}", remedy)
        elif left < _SOON_S:
            yield Finding("tokens", Level.WARNING, f"{name}, ends in {left / 60:.0f} min", remedy)
    for process in facts.status.processes if facts.status else ():
        if process.state == "needs_token":
            yield Finding(
                "tokens", Level.ERROR, f"{process.name} waits for a token: {process.detail}",
                f"openalgo-stream token set {process.name}{facts.option}",
            )  # fmt: skip


def _ago(seconds: float) -> str:
    if seconds < _DAY_S:
        return f"{seconds / 3600:.1f} h ago"
    return f"{seconds / _DAY_S:.0f} days ago"


def _instruments(facts: Facts) -> Iterator[Finding]:
    for fact in facts.masters:
        if fact.simulated:
            continue
        command = f"openalgo-stream instruments sync --adapter {fact.adapter}{facts.option}"
        if fact.age_s is None:
            level = Level.WARNING if facts.supervised else Level.NOTE
            yield Finding("instruments", level, f"{fact.adapter} has none yet", command)
        elif fact.age_s > _STALE_MASTER_S:
            yield Finding(
                "instruments", Level.WARNING,
                f"those of {fact.adapter} are {fact.age_s / 3600:.0f} h old", command,
            )  # fmt: skip


def _disk(facts: Facts) -> Iterator[Finding]:
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


def _leftovers(facts: Facts) -> Iterator[Finding]:
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


def _openalgo(facts: Facts) -> Iterator[Finding]:
    fact = facts.openalgo
    if fact is None:
        return
    if fact.error:
        yield Finding(
            "openalgo", Level.ERROR, fact.error, "name the install's .env: [openalgo] env_file"
        )
    elif fact.missing:
        yield Finding(
            "openalgo", Level.ERROR,
            f"{fact.database} has no {', '.join(fact.missing)}: another version of OpenAlgo, or "
            "an upgrade that was not finished",
            "run OpenAlgo's own migration: uv run upgrade/migrate_all.py",
        )  # fmt: skip
    elif not fact.logins:
        yield Finding(
            "openalgo", Level.NOTE, "nobody is logged in to a broker there today",
            "log in to the broker in OpenAlgo",
        )  # fmt: skip


def _of_openalgo(facts: Facts) -> str:
    fact = facts.openalgo
    return f"{fact.users} keys and {fact.logins} logins in {fact.database}" if fact else ""


CHECKS: Final[dict[str, Check]] = {
    "python": _python,
    "config": _config,
    "supervisor": _supervisor,
    "ports": _ports,
    "permissions": _permissions,
    "clock": _clock,
    "open files": _files,
    "tokens": _tokens,
    "instruments": _instruments,
    "disk": _disk,
    "leftovers": _leftovers,
    "openalgo": _openalgo,
}
