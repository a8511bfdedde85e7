"""Each process's settings: the same structs are the sections of the configuration file.

A field's docstring line says its unit and default; `docs/configuration.md` is the table for
users.
"""

from bus.settings.adapters import (
    AdapterBootstrap,
    AdapterSettings,
    BusSettings,
    MarketSettings,
    SimulatorSettings,
)
from bus.settings.common import (
    AdapterEntry,
    Port,
    Positive,
    PositiveSeconds,
    Role,
    TakeOver,
)
from bus.settings.marketdata import (
    Leverage,
    MarketDataBootstrap,
    MarketDataSettings,
    SandboxSettings,
    TimeOrNever,
    TradedExchange,
)
from bus.settings.nats import (
    MirrorSettings,
    NatsReach,
    NatsSettings,
)
from bus.settings.proxy import (
    FailoverSettings,
    ProxyBootstrap,
    ProxySettings,
    RoutingSettings,
    TapSettings,
)
from bus.settings.recorder import (
    RecorderSettings,
)
from bus.settings.watching import (
    ConsoleBootstrap,
    ConsoleSettings,
    MetricsBootstrap,
    MetricsSettings,
)

__all__ = [
    "AdapterBootstrap",
    "AdapterEntry",
    "AdapterSettings",
    "BusSettings",
    "ConsoleBootstrap",
    "ConsoleSettings",
    "FailoverSettings",
    "Leverage",
    "MarketDataBootstrap",
    "MarketDataSettings",
    "MarketSettings",
    "MetricsBootstrap",
    "MetricsSettings",
    "MirrorSettings",
    "NatsReach",
    "NatsSettings",
    "Port",
    "Positive",
    "PositiveSeconds",
    "ProxyBootstrap",
    "ProxySettings",
    "RecorderSettings",
    "Role",
    "RoutingSettings",
    "SandboxSettings",
    "SimulatorSettings",
    "TakeOver",
    "TapSettings",
    "TimeOrNever",
    "TradedExchange",
]
