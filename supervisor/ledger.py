"""What processes counted, over all their generations: totals that never go backwards. Pure.

A process counts from its start, and begins anew with each generation; two generations of one
name may count at once. So that nobody who reads totals takes a restart for a loss, the supervisor
adds up what each generation has counted since it was last heard. The sums are kept in the run
file: a later supervisor goes on from there, and what a process that outlived the first one counted
meanwhile is added once, with its next heartbeat.

What a generation counted between its last heartbeat and a violent end is not in the sums: a
second's worth at most. One that ends in order tells its figures as it begins to.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from bus.control.messages import Stats, Totals
from bus.measuring.latency import Latency

#: Stats that only ever count up: by their ending, or by what their reasons begin with.
_COUNTS: Final = "_total"
_COUNTS_BY_REASON: Final = ("quarantined_", "held_")
#: Those that a process keeps on disk, so that its next generation goes on with them.
_DURABLE: Final = frozenset({"sandbox_orders_total", "sandbox_trades_total"})
#: Generations of a name whose last word is remembered: at most three live at a time, and a word
#: of one that has ended may come late.
_REMEMBERED: Final = 8
#: Names of what is not in a process's stats.
RESTARTS: Final = "restarts_total"
TAKEOVERS: Final = "takeovers_total"
HANDOVERS: Final = "handovers_total"
FAILED_HANDOVERS: Final = "handovers_failed_total"
HANDOVER_GAP: Final = "handover_gap"
#: What the supervisor counts itself, and saves as it happens.
_OWN: Final = frozenset({RESTARTS, TAKEOVERS, HANDOVERS, FAILED_HANDOVERS, HANDOVER_GAP})
#: The latency of an adapter's process, and of a consumer's (`Heartbeat.latency`).
PUBLISH: Final = "publish"
DELIVERY: Final = "delivery"


class Heard(Struct):
    """What a generation had counted when it was last heard."""

    counts: dict[str, int | float] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)


class Account(Struct):
    """One name's sums, and its generations that were heard last."""

    counts: dict[str, int | float] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)
    generations: dict[int, Heard] = field(default_factory=dict)


class Ledger:
    """The accounts of all names; `accounts` are those of an earlier supervisor."""

    def __init__(self, accounts: dict[str, Account] | None = None) -> None:
        self.accounts: dict[str, Account] = accounts or {}
        #: Whose sums are as old as the run file, and would be a step back: not heard since.
        self._awaited = set(self.accounts)

    def hear(self, name: str, generation: int, stats: Stats, latency: dict[str, Latency]) -> None:
        """A generation tells what it has counted since its start."""
        self._awaited.discard(name)
        account = self._account(name)
        heard = account.generations.pop(generation, None) or Heard()
        account.generations[generation] = heard  # the last one heard comes last
        for forgotten in list(account.generations)[:-_REMEMBERED]:
            del account.generations[forgotten]
        for key, value in stats.items():
            if is_count(key) and isinstance(value, int | float):
                before = heard.counts.get(key, 0)
                heard.counts[key] = value
                # Less than before: it began anew under a number that was used already.
                grown = value - before if value >= before else value
                account.counts[key] = account.counts.get(key, 0) + grown
        for leg, counted in latency.items():
            grown_by = counted.since(heard.latency.get(leg, Latency()))
            heard.latency[leg] = counted
            account.latency[leg] = account.latency.get(leg, Latency()).plus(grown_by)

    def count(self, name: str, key: str, by: int = 1) -> None:
        """Something happened to it that it does not count itself."""
        counts = self._account(name).counts
        counts[key] = counts.get(key, 0) + by

    def took(self, name: str, leg: str, took: Latency) -> None:
        """As `count`, for what has a duration."""
        latency = self._account(name).latency
        latency[leg] = latency.get(leg, Latency()).plus(took)

    def forget(self, name: str) -> None:
        """It left the configuration."""
        self.accounts.pop(name, None)
        self._awaited.discard(name)

    def totals(self, name: str) -> Totals:
        """The sums; after the death of a supervisor only its own counts until the first word."""
        account = self.accounts.get(name, Account())
        if name not in self._awaited:
            return Totals(dict(account.counts), dict(account.latency))
        return Totals(
            {key: count for key, count in account.counts.items() if key in _OWN},
            {leg: took for leg, took in account.latency.items() if leg in _OWN},
        )

    def _account(self, name: str) -> Account:
        return self.accounts.setdefault(name, Account())


def is_count(key: str) -> bool:
    """Whether a stat counts up from the start of its process."""
    return key not in _DURABLE and (key.endswith(_COUNTS) or key.startswith(_COUNTS_BY_REASON))
