"""Telling a client what adapters say of its subscriptions after the acknowledgement. Pure.

Only to clients that asked for it in their address (`?subscription_status=1`): one SDK makes an
error of every message that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable

from bus.events import Accepted, Rejected
from bus.topics import NUL, Topic
from proxy.clients.subscribing import Held
from proxy.clients.subscriptions import Holdings
from proxy.protocol import replies
from proxy.routing.demand import Demand


class Teller:
    """Observes the demand for one client, until it is ended."""

    def __init__(
        self, demand: Demand, holdings: Holdings[Held], push: Callable[[bytes], None]
    ) -> None:
        self._demand = demand
        self._holdings = holdings
        self._push = push
        demand.observe(self._on_verdict)

    def end(self) -> None:
        self._demand.ignore(self._on_verdict)

    def _on_verdict(self, verdict: Accepted | Rejected) -> None:
        """What is not held yet is still to be acknowledged, with this very answer."""
        topic = Topic.parse(verdict.topic)  # it was demanded, so it is one
        wire = verdict.topic.encode() + NUL
        for one in self._holdings.fed_by(topic.exchange, topic.symbol, topic.mode):
            held = self._holdings.get(one)
            if held is not None and held.topic == wire:
                self._push(
                    replies.subscription_status(
                        one.spelled, int(one.mode), held.adapter.broker, verdict
                    )
                )
