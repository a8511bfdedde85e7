"""What all conversations share."""

from __future__ import annotations

from dataclasses import dataclass, field

from bus.clock import Clock
from bus.settings import ProxySettings
from identity.authority import Authority
from proxy.entrance.presence import Presence
from proxy.fanout.lanes import Lanes
from proxy.routing.demand import Demand
from proxy.routing.feeds import Feeds
from proxy.routing.junction import Junction
from proxy.routing.rules import Routing
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
