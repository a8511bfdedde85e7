"""What all conversations share."""

from __future__ import annotations

from dataclasses import dataclass, field

from bus.clock import Clock
from bus.settings import ProxySettings
from identity.authority import Authority
from proxy.demand import Demand
from proxy.feeds import Feeds
from proxy.junction import Junction
from proxy.lanes import Lanes
from proxy.presence import Presence
from proxy.routing import Routing
from proxy.totals import Totals


@dataclass(frozen=True)
class Desk:
    """One per proxy process."""

    settings: ProxySettings
    authority: Authority
    routing: Routing
    demand: Demand
    feeds: Feeds
    lanes: Lanes
    totals: Totals
    clock: Clock
    junction: Junction
    presence: Presence = field(default_factory=Presence)

    @property
    def default_broker(self) -> str:
        adapter = self.routing.default
        return "" if adapter is None else adapter.broker

    @property
    def supported_brokers(self) -> list[str]:
        return list(self.settings.brokers) or self.routing.brokers
