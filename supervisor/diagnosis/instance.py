"""Is this instance well? Its configuration, supervisor, tokens, instruments, OpenAlgo. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from supervisor.diagnosis.facts import Facts
from supervisor.diagnosis.findings import Finding, Level

_DAY_S: Final = 86400.0
#: A master is loaded every morning; older than this it was not.
_STALE_MASTER_S: Final = 36 * 3600.0
_SOON_S: Final = 3600.0


def config(facts: Facts) -> Iterator[Finding]:
    if facts.config_file is None:
        yield Finding(
            "config", Level.NOTE, "there is no configuration here; this is about the demo",
            "openalgo-stream config init --broker NAME",
        )  # fmt: skip
    # What runs has read it, perhaps in another environment: the next `up` has not.
    level = Level.WARNING if facts.supervised else Level.ERROR
    for problem in facts.config_problems:
        yield Finding("config", level, problem, f"openalgo-stream config check{facts.option}")


def supervisor(facts: Facts) -> Iterator[Finding]:
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


def tokens(facts: Facts) -> Iterator[Finding]:
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


def instruments(facts: Facts) -> Iterator[Finding]:
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


def openalgo(facts: Facts) -> Iterator[Finding]:
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
