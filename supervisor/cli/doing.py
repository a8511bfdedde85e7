"""The few figures that matter for a process, in words, by its role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bus.control.messages import ProcessStatus, Stats
from bus.settings import Role


def doing(process: ProcessStatus) -> str:
    """What it does, or what is wrong with it."""
    words = _WORDS.get(process.role)
    told = process.detail or (words(process.stats) if words is not None else "")
    if process.detail or process.role not in _AT_AN_ADDRESS:
        return told
    return f"{told}  {process.endpoint}".strip()


def _adapter(stats: Stats) -> str:
    if "replay" in stats:
        return _replay(stats)
    return (
        f"broker {stats.get('broker_state', '?')}, {_n(stats, 'symbols')} symbols, "
        f"{_n(stats, 'ticks_per_s')} ticks/s, last {_age(stats.get('last_tick_age_s'))}"
    )


def _replay(stats: Stats) -> str:
    first, last, at = (stats.get(key) for key in ("first_ns", "last_ns", "position_ns"))
    whole = last - first if isinstance(first, int) and isinstance(last, int) else 0
    done = (at - first) / whole if whole and isinstance(at, int) and isinstance(first, int) else 0
    speed = stats.get("speed")
    times = f"{speed:g}x" if isinstance(speed, (int, float)) and speed else "full speed"
    return (
        f"replay {stats['replay']} at {times}, {max(0.0, done):.0%}, "
        f"{_n(stats, 'ticks_per_s')} ticks/s"
    )


def _proxy(stats: Stats) -> str:
    told = (
        f"{_n(stats, 'clients')} clients, {_n(stats, 'subscriptions')} subscriptions, "
        f"{_n(stats, 'delivered_total')} delivered, {_n(stats, 'lost_total')} lost"
    )
    away = stats.get("failed_over_symbols")
    return f"{told}; stood in for: {away}" if away else told


def _marketdata(stats: Stats) -> str:
    return (
        f"{_n(stats, 'instruments')} instruments, {_n(stats, 'ticks_total')} ticks, "
        f"{_n(stats, 'lost_total')} lost"
    )


def _recorder(stats: Stats) -> str:
    size = stats.get("recorded_bytes")
    megabytes = f"{size / 1e6:,.1f} MB" if isinstance(size, (int, float)) else "nothing"
    trouble = stats.get("disk_trouble")
    told = f"{_n(stats, 'recorded_total')} frames, {megabytes}, {_n(stats, 'lost_total')} lost"
    return f"{told}; the disk refuses: {trouble}" if trouble else told


def _bridge(stats: Stats) -> str:
    told = (
        f"{_n(stats, 'bridged_total')} messages, {_n(stats, 'sites')} sites, "
        f"{_n(stats, 'waiting')} waiting, {_n(stats, 'lost_total')} lost"
    )
    trouble = stats.get("nats_detail")
    return f"{told}; {trouble}" if trouble else told


def _openalgo_bus(stats: Stats) -> str:
    if not stats.get("listening"):
        return "another program has the address"
    told = f"{_n(stats, 'orders_relayed_total')} orders"
    return f"{told}, {_n(stats, 'invalidations_total')} changes of users"


def _tap(stats: Stats) -> str:
    return f"{_n(stats, 'published_total')} ticks published"


_WORDS: Final[dict[Role, Callable[[Stats], str]]] = {
    "adapter": _adapter,
    "bridge": _bridge,
    "marketdata": _marketdata,
    "openalgo-bus": _openalgo_bus,
    "proxy": _proxy,
    "recorder": _recorder,
    "tap": _tap,
}
#: Roles that others connect to from outside.
_AT_AN_ADDRESS: Final = frozenset({"console", "marketdata", "proxy", "simulator", "tap"})


def _n(stats: Stats, key: str) -> str:
    value = stats.get(key)
    return f"{value:,.0f}" if isinstance(value, (int, float)) else "0"


def _age(value: object) -> str:
    return f"{value:.1f} s ago" if isinstance(value, (int, float)) else "never"
