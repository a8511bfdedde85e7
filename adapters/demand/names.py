"""Who is wanted in which modes, and what that means for the broker. Pure.

The broker is asked for the highest mode that anybody wants of an instrument; the lower ones
are derived from it. libzmq counts consumers, so each topic is wanted or it is not.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from bus.topics import Mode

#: Exchange and symbol.
Name: TypeAlias = tuple[str, str]
Action: TypeAlias = Literal["ask", "raise", "lower", "withdraw", "keep"]


class Change(NamedTuple):
    """The highest mode wanted of an instrument, before and after an event."""

    before: Mode | None
    after: Mode | None

    @property
    def action(self) -> Action:
        if self.before == self.after:
            return "keep"
        if self.before is None:
            return "ask"
        if self.after is None:
            return "withdraw"
        return "raise" if self.after > self.before else "lower"


class Demand:
    """The modes wanted per instrument."""

    def __init__(self) -> None:
        self._modes: dict[Name, set[Mode]] = {}

    def __len__(self) -> int:
        """How many instruments are wanted."""
        return len(self._modes)

    def highest(self, name: Name) -> Mode | None:
        return max(self._modes.get(name, ()), default=None)

    def holds(self, name: Name, mode: Mode) -> bool:
        return mode in self._modes.get(name, ())

    def add(self, name: Name, mode: Mode) -> Change:
        """Somebody wants a mode; a repeated wish changes nothing."""
        before = self.highest(name)
        self._modes.setdefault(name, set()).add(mode)
        return Change(before, self.highest(name))

    def remove(self, name: Name, mode: Mode) -> Change:
        """Nobody wants a mode any more; what was never wanted changes nothing."""
        before = self.highest(name)
        modes = self._modes.get(name, set())
        modes.discard(mode)
        if not modes:
            self._modes.pop(name, None)
        return Change(before, self.highest(name))
