"""The pools of a broker's streams, by its limits and the user's."""

from __future__ import annotations

from adapters.broker import Broker
from adapters.demand.pool import Budget, Pool
from adapters.source import Source
from bus.settings import AdapterSettings


def pools_of(broker: Broker, settings: AdapterSettings) -> dict[str, Pool]:
    """A pool per stream for ticks, the first with its first connection.

    The user's limits are for the first stream, where all instruments are; of the others they
    can only take away. Where the broker counts connections together, so does the user. With a
    standby each of the two sessions has half of everything, so that both together fit.
    """
    share = _half if settings.standby else _whole
    total = broker.connections
    if total is not None:
        total = share(settings.connections or total)
    budget = Budget(total)
    pools: dict[str, Pool] = {}
    for stream in broker.streams:
        if stream.purpose != "ticks":
            continue
        size, connections = stream.symbols_per_connection, stream.connections
        if not pools:
            size = settings.symbols_per_connection or size
            connections = settings.connections or connections
        else:
            size = min(settings.symbols_per_connection or size, size)
            connections = min(settings.connections or connections, connections)
        pools[stream.name] = Pool(size, share(connections), budget=budget, keeps_first=not pools)
    return pools


def why_no_standby(broker: Broker | Source, settings: AdapterSettings) -> str:
    """Why an account cannot have two sessions side by side; empty when it can."""
    if not broker.may_overlap:
        return f"a second session of {broker.title} ends the first"
    if isinstance(broker, Source):
        return ""
    ticks = next(stream for stream in broker.streams if stream.purpose == "ticks")
    most = settings.connections or min(ticks.connections, broker.connections or ticks.connections)
    return "" if most >= 2 else f"two sessions need two connections, and there is {most}"


def _whole(connections: int) -> int:
    return connections


def _half(connections: int) -> int:
    """None where there is one: that stream cannot be had twice."""
    return connections // 2
