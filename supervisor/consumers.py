"""The processes that read the bus beside the proxy: which there are, and what each is told.

A further one is a package with a `bus.control.service.Service`, a section of the configuration, a
`Role`, and a line here; everything else (names, order, restarts, status) follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from bus.settings import MarketDataBootstrap, Role
from supervisor.config.schema import Config
from supervisor.instance.paths import StatePaths


class Consumer(NamedTuple):
    """One supervised consumer; its role is its name."""

    role: Role
    #: What is started: `python -m module`.
    module: str
    #: What it is told at birth, from the configuration and the endpoint of its life before,
    #: empty at first; None: it is switched off.
    settings: Callable[[Config, StatePaths, str], Struct | None]
    #: Whether two generations may run at once, so that a restart can hand over.
    may_overlap: bool = False
    #: Whether the next generation gets port and clients from the one before.
    moves: bool = False


def _marketdata(config: Config, paths: StatePaths, last_endpoint: str) -> MarketDataBootstrap:
    """Its second life gets the port of its first, so that its clients find it again."""
    port = config.marketdata.port or int(last_endpoint.rpartition(":")[2] or 0)
    return MarketDataBootstrap(
        marketdata=replace(config.marketdata, port=port),
        market=config.market,
        keys_path=str(paths.keys),
        access=config.access,
        state=str(paths.root),
        sandbox=config.sandbox,
        adapters=list(config.adapters),
        recordings=config.recorder.folder,
    )


#: In the order in which they start: after the adapters, before the proxy.
CONSUMERS: Final = (
    Consumer("openalgo-bus", "identity.openalgo_bus", lambda config, *_: config.openalgo_bus),
    Consumer("marketdata", "marketdata", _marketdata, moves=True),
    Consumer(
        "recorder",
        "recording",
        lambda config, *_: config.recorder if config.recorder.enabled else None,
    ),
    Consumer("bridge", "bridge", lambda config, *_: config.nats if config.nats.enabled else None),
    Consumer("tap", "proxy.tap", lambda config, *_: config.tap if config.tap.enabled else None),
)
