"""The shape of the configuration file: each struct is a section, each field a key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from msgspec import Struct

from bus.access import AccessSettings, JwtSettings, LimitSettings, OpenAlgoSettings, RoleSettings
from bus.settings import (
    AdapterSettings,
    BusSettings,
    ConsoleSettings,
    MarketDataSettings,
    MarketSettings,
    MetricsSettings,
    NatsSettings,
    Positive,
    PositiveSeconds,
    ProxySettings,
    RecorderSettings,
    RoutingSettings,
    SandboxSettings,
    SimulatorSettings,
    TapSettings,
)

#: Sections that hold one table per name, and the shape of such a table.
NAMED_SECTIONS: Final[dict[str, type[Struct]]] = {
    "adapters": AdapterSettings,
    "simulators": SimulatorSettings,
    "roles": RoleSettings,
}


class SupervisorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[supervisor]`."""

    #: Seconds that processes go on without any supervisor before they end themselves.
    orphan_grace_s: PositiveSeconds = 120.0
    #: Fork processes from a warm template; where the system cannot, each is started afresh.
    template: bool = hasattr(os, "fork")
    #: Megabytes of resident memory beyond which a process is replaced, where none of its own
    #: is set; None: it may grow.
    max_rss_mb: Positive | None = None


class PathSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[paths]`."""

    #: Directory for keys, logs and run files.
    state: str = ""


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole configuration; the fields are the file's sections."""

    supervisor: SupervisorSettings = SupervisorSettings()
    paths: PathSettings = PathSettings()
    proxy: ProxySettings = ProxySettings()
    marketdata: MarketDataSettings = MarketDataSettings()
    market: MarketSettings = MarketSettings()
    routing: RoutingSettings = RoutingSettings()
    sandbox: SandboxSettings = SandboxSettings()
    bus: BusSettings = BusSettings()
    tap: TapSettings = TapSettings()
    recorder: RecorderSettings = RecorderSettings()
    nats: NatsSettings = NatsSettings()
    console: ConsoleSettings = ConsoleSettings()
    metrics: MetricsSettings = MetricsSettings()
    adapters: dict[str, AdapterSettings] = {}
    simulators: dict[str, SimulatorSettings] = {}
    roles: dict[str, RoleSettings] = {}
    limits: LimitSettings = LimitSettings()
    openalgo: OpenAlgoSettings = OpenAlgoSettings()
    jwt: JwtSettings = JwtSettings()

    @property
    def access(self) -> AccessSettings:
        """Who may use the runtime, and how much of it."""
        return AccessSettings(
            roles=self.roles, limits=self.limits, openalgo=self.openalgo, jwt=self.jwt
        )

    @property
    def openalgo_bus(self) -> OpenAlgoSettings | None:
        """What the process that hears OpenAlgo's bus is told; None: there is nothing to hear."""
        known = self.openalgo
        return OpenAlgoSettings(bus=known.bus) if known.database and known.bus else None

    @property
    def metrics_apart(self) -> MetricsSettings | None:
        """The metrics that a process of its own serves; None: the console does, or nobody."""
        metrics = self.metrics
        return metrics if metrics.enabled and metrics.port is not None else None

    @property
    def state(self) -> Path:
        return Path(self.paths.state)

    def lane_mib(self, adapter: AdapterSettings) -> int:
        """MiB of shared memory that an adapter publishes in; 0: none."""
        own = adapter.shared_memory
        is_on = self.bus.shared_memory if own is None else own
        return self.bus.shared_memory_mib if is_on else 0
