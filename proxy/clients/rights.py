"""What one client may have, and through which adapters: its identity's scopes and broker. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bus.settings import AdapterEntry
from bus.topics import Mode
from identity.authority import Identity
from proxy.clients.subscriptions import Subscription
from proxy.protocol.refusal import Refusal
from proxy.routing.rules import Route, Routing

NOT_PERMITTED: Final = "NOT_PERMITTED"
LIMIT_EXCEEDED: Final = "LIMIT_EXCEEDED"


class Rights:
    """One client's, as long as it has one identity; without an identity there is no right.

    `routing` has only the adapters that feed this client: all of them, or those that its role
    names, or those of the broker that its user is logged in to.
    """

    def __init__(self, routing: Routing, identity: Identity | None) -> None:
        self._identity = identity
        self.routing = _narrowed(routing, identity)

    @property
    def broker(self) -> str:
        """The broker that replies name; empty when nobody feeds this client."""
        adapter = self.routing.default
        return "" if adapter is None else adapter.broker

    @property
    def no_feed(self) -> str:
        """Why there is no adapter for this client, in the words that clients know."""
        if self._identity is not None and self._identity.broker:
            return f"Failed to create adapter for broker: {self._identity.broker}"
        return "No broker configuration found for user"

    @property
    def orders(self) -> bool:
        return self._identity is not None and self._identity.scopes.orders

    def account(self, adapter: str) -> AdapterEntry | None:
        """The adapter of that name, if this client may be told of its account's orders."""
        if self._identity is None or not self.orders:
            return None
        for entry in self.routing.adapters:
            if entry.name == adapter and entry.user in {"", self._identity.user}:
                return entry
        return None

    def route(self, subscription: Subscription) -> Route:
        """The adapters that feed a subscription, the first that can."""
        return self.routing.route(subscription.exchange, subscription.plain, subscription.broker)

    def may_hold(self, subscription: Subscription, held: int) -> Refusal | None:
        """Why a client that holds so many may not hold this one too; None when it may."""
        refusal = self.may_see(subscription.exchange, subscription.mode)
        if refusal is None and self._identity is not None:
            most = self._identity.scopes.symbols
            if held >= most:
                return Refusal(LIMIT_EXCEEDED, f"This key may hold {most} subscriptions at a time")
        return refusal

    def may_see(self, exchange: str, mode: Mode) -> Refusal | None:
        """Why an exchange may not be seen in a mode; None when it may."""
        if self._identity is None:
            return Refusal("NOT_AUTHENTICATED", "You must authenticate first")
        why = self._identity.scopes.refusal(exchange, mode)
        return Refusal(NOT_PERMITTED, why) if why else None


def _narrowed(routing: Routing, identity: Identity | None) -> Routing:
    adapters: Sequence[AdapterEntry] = routing.adapters
    if identity is None:
        return routing
    if identity.broker is not None:
        adapters = [one for one in adapters if one.broker == identity.broker]
    allowed = identity.scopes.adapters
    if allowed is not None:
        adapters = [one for one in adapters if one.name in allowed]
    return routing.narrowed(adapters, identity.route)
