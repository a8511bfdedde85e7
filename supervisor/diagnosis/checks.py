"""What the facts mean: every check tells what is wrong and the command that mends it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from supervisor.diagnosis import instance, machine
from supervisor.diagnosis.facts import Facts
from supervisor.diagnosis.findings import Finding, Level
from supervisor.diagnosis.fine import said_when_fine

Check = Callable[[Facts], Iterator[Finding]]

CHECKS: Final[dict[str, Check]] = {
    "python": machine.python,
    "config": instance.config,
    "supervisor": instance.supervisor,
    "ports": machine.ports,
    "permissions": machine.permissions,
    "clock": machine.clock,
    "open files": machine.files,
    "tokens": instance.tokens,
    "instruments": instance.instruments,
    "disk": machine.disk,
    "leftovers": machine.leftovers,
    "openalgo": instance.openalgo,
}


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
