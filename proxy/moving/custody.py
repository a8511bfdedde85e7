"""Whose a connection is while it moves, as each side knows it. Pure.

    old   held --offer--> offered --taken--> given       new   offered --commit--> active
            ^               |                                    |
            '-- not taken, -'                                    '-- not committed, or the
                or the other side lost                               other side lost: closed

Both processes have the socket while it is offered; nobody reads or writes it then. Closing one of
two descriptors of a socket is not seen by the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

#: Batches in a row of which nothing was taken before the old side gives up.
MAX_REFUSED: Final = 20


class Giver:
    """The old side. One batch is on its way at a time."""

    def __init__(self) -> None:
        self.given = 0
        self.batch = 0
        self._offered: dict[str, None] = {}
        self._refused = 0

    @property
    def offered(self) -> Sequence[str]:
        return list(self._offered)

    @property
    def hopeless(self) -> bool:
        """Whether the other side takes nothing."""
        return self._refused >= MAX_REFUSED

    def offer(self, ids: Iterable[str]) -> int:
        """Begin a batch; returns its number."""
        if self._offered:
            raise ValueError("a batch is on its way")
        self._offered = dict.fromkeys(ids)
        self.batch += 1
        return self.batch

    def taken(self, batch: int, ids: Iterable[str]) -> tuple[list[str], list[str]]:
        """The other side's answer: what is to be committed, and what to be taken back.

        Raises:
            ValueError: an answer to nothing that was offered.
        """
        commit = list(dict.fromkeys(ids))
        if batch != self.batch or not self._offered or not self._offered.keys() >= set(commit):
            raise ValueError(f"no answer to batch {self.batch}: {batch} with {len(commit)}")
        for one in commit:
            del self._offered[one]
        self.given += len(commit)
        self._refused = 0 if commit else self._refused + 1
        return commit, self.lost()

    def lost(self) -> list[str]:
        """The other side is gone, or did not take them: what is to be taken back."""
        back, self._offered = list(self._offered), {}
        return back


class Taker:
    """The new side."""

    def __init__(self) -> None:
        self.active = 0
        self.batch = 0
        self._held: dict[str, None] = {}

    @property
    def held(self) -> Sequence[str]:
        return list(self._held)

    def offered(self, batch: int, ids: Iterable[str]) -> None:
        """A batch arrived.

        Raises:
            ValueError: it is not the next one, or the one before was not settled.
        """
        if self._held or batch <= self.batch:
            raise ValueError(f"batch {batch} after {self.batch} with {len(self._held)} on hand")
        self.batch = batch
        self._held = dict.fromkeys(ids)

    def refuse(self) -> list[str]:
        """They cannot be served here: what is to be closed."""
        closed, self._held = list(self._held), {}
        return closed

    def committed(self, batch: int, ids: Iterable[str]) -> list[str]:
        """They are ours: what is to be made active.

        Raises:
            ValueError: they are none that were offered.
        """
        active = list(dict.fromkeys(ids))
        if batch != self.batch or not self._held.keys() >= set(active):
            raise ValueError(f"a commit of batch {batch} with {len(active)} unknown")
        for one in active:
            del self._held[one]
        self.active += len(active)
        return active

    def lost(self) -> list[str]:
        """The other side is gone: what is to be closed here."""
        return self.refuse()
