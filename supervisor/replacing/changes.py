"""What a new configuration changes, as a pure comparison: the plan of a `reload`.

Each process is compared by what it is told. A secret is only ever said to have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from bus.secret import Secret
from bus.settings import Role
from supervisor.config import Config
from supervisor.ordering import START_ORDER
from supervisor.processes import workers

Kind: TypeAlias = Literal["start", "restart", "stop"]
Told: TypeAlias = dict[str, Any]

#: Keys of `[supervisor]` that the running supervisor can take up.
_LIVE: Final = frozenset({"supervisor.max_rss_mb"})
_NONE_BEHIND: Final[Mapping[str, Config]] = MappingProxyType({})
_CARRIED_OUT: Final[tuple[Kind, ...]] = ("start", "restart", "stop")


class Change(Struct, frozen=True):
    """What happens to one process, and why."""

    kind: Kind
    name: str
    role: Role
    why: list[str] = []


class Plan(Struct, frozen=True):
    """All that a new configuration brings."""

    #: In the order in which they are carried out: what is new first, what goes last.
    changes: list[Change]
    #: What takes effect without touching any process.
    live: list[str]
    #: What takes effect with the next `down` and `up` only.
    later: list[str]

    def lines(self) -> list[str]:
        """For a person."""
        told = []
        for change in self.changes:
            told.append(f"{change.kind} {change.name}")
            told += [f"    {why}" for why in change.why]
        told += [f"at once: {text}" for text in self.live]
        told += [f"with the next `up` only: {text}" for text in self.later]
        return told


def plan(old: Config, new: Config, behind: Mapping[str, Config] = _NONE_BEHIND) -> Plan:
    """What has to be done for the new configuration to be the one that runs.

    `behind` are processes that still run as an earlier configuration than `old` told them.
    """
    before, after = processes(old), processes(new)
    for name, earlier in behind.items():
        if name in (told_then := processes(earlier)):
            before[name] = told_then[name]
    changes = [Change("stop", name, before[name][0]) for name in before.keys() - after.keys()]
    for name, (role, told) in after.items():
        if name not in before:
            changes.append(Change("start", name, role))
        elif why := list(_differences(before[name][1], told)):
            changes.append(Change("restart", name, role, why))
    changes.sort(
        key=lambda c: (_CARRIED_OUT.index(c.kind), START_ORDER.index(c.role), c.name),
    )
    own = list(_differences(_own(old), _own(new)))
    live = [text for text in own if _is_live(text)]
    return Plan(changes, live, [text for text in own if not _is_live(text)])


def _is_live(text: str) -> bool:
    key = text.partition(":")[0]
    return key in _LIVE or (key.startswith("adapters.") and key.endswith(".max_rss_mb"))


def _own(config: Config) -> Told:
    """What the supervisor itself goes by."""
    limits = {name: {"max_rss_mb": a.max_rss_mb} for name, a in config.adapters.items()}
    return {"supervisor": config.supervisor, "paths": config.paths, "adapters": limits}


def processes(config: Config) -> dict[str, tuple[Role, Told]]:
    """Each process and what it is told, keyed as in the file."""
    found: dict[str, tuple[Role, Told]] = {}
    for name, simulator in config.simulators.items():
        found[name] = ("simulator", {f"simulators.{name}": simulator})
    for name, adapter in config.adapters.items():
        told = msgspec.structs.replace(adapter, max_rss_mb=None)
        lane = {"shared_memory_mib": config.lane_mib(adapter)}
        found[name] = (
            "adapter",
            {f"adapters.{name}": told, "market": config.market, "bus": lane},
        )
    access = {
        "roles": config.roles,
        "limits": config.limits,
        "openalgo": config.openalgo,
        "jwt": config.jwt,
    }
    marketdata = {
        "marketdata": config.marketdata,
        "sandbox": config.sandbox,
        "market": config.market,
        **access,
    }
    found["marketdata"] = ("marketdata", marketdata)
    if config.openalgo_bus is not None:
        found["openalgo-bus"] = ("openalgo-bus", {"openalgo": config.openalgo_bus})
    if config.recorder.enabled:
        found["recorder"] = ("recorder", {"recorder": config.recorder})
    if config.tap.enabled:
        found["tap"] = ("tap", {"tap": config.tap})
    proxy = {
        "proxy": config.proxy,
        "adapters": [(name, a.broker, a.user) for name, a in config.adapters.items()],
        "routing": config.routing,
        "market": config.market,
        **access,
    }
    for name in workers.names(config.proxy.workers):
        found[name] = ("proxy", proxy)
    if config.console.enabled:
        url = {"public_url": config.proxy.public_url}
        looking_on: Told = {"console": config.console, "proxy": url, **access}
        if config.metrics_apart is None:
            looking_on["metrics"] = config.metrics
        found["console"] = ("console", looking_on)
    if config.metrics_apart is not None:
        found["metrics"] = ("metrics", {"metrics": config.metrics_apart})
    return found


_MISSING: Final = object()


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = dict(_flat(old)), dict(_flat(new))
    for key in [*before, *(key for key in after if key not in before)]:
        was, is_ = before.get(key, _MISSING), after.get(key, _MISSING)
        if was != is_:
            yield _told(key, was, is_)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting by its key, `section.key`."""
    if isinstance(value, Struct):
        value = {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _told(key: str, was: Any, is_: Any) -> str:
    if isinstance(was, Secret) or isinstance(is_, Secret):
        return f"{key}: changed"
    if key == "adapters":  # the proxy's list of them
        return "adapters: not the same ones as before"
    return f"{key}: {_word(was)} -> {_word(is_)}"


def _word(value: Any) -> str:
    return "not set" if value is _MISSING or value is None else str(value) or '""'
