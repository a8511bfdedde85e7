"""The pools of a broker's streams, by its limits and the user's."""

from __future__ import annotations

from adapters.broker import Broker
from adapters.pool import Budget, Pool
from bus.settings import AdapterSettings


def pools_of(broker: Broker, settings: AdapterSettings) -> dict[str, Pool]:
    """A pool per stream for ticks, the first with its first connection.

    The user's limits are for the first stream, where all instruments are; of the others they
    can only take away. Where the broker counts connections together, so does the user.
    """
    total = broker.connections
    if total is not None and settings.connections is not None:
        total = settings.connections
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
        pools[stream.name] = Pool(size, connections, budget=budget, keeps_first=not pools)
    return pools
