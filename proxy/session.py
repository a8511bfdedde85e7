"""One client's conversation: messages in, replies out, in order. Pure.

The shell feeds one message at a time and waits for a `Subscribing` to be settled before the
next, so a subscribe sent right behind an authenticate finds its work done. Nothing is ever
sent before the client spoke, and nothing but the reply in answer to it: some clients take the
first frame they see for the auth reply.
"""

from __future__ import annotations

import logging
from typing import Final

from identity.authority import Identity, IdentityError
from proxy import replies, requests
from proxy.desk import Desk
from proxy.lanes import Writer
from proxy.refusal import Refusal
from proxy.replies import Outcome
from proxy.requests import UnsubscribeEntry
from proxy.subscribing import Held, Subscribing, drop
from proxy.subscriptions import Holdings
from proxy.wire import text_frame

logger = logging.getLogger(__name__)

_NOT_AUTHENTICATED: Final = ("NOT_AUTHENTICATED", "You must authenticate first")
_NO_ADAPTER: Final = ("BROKER_ERROR", "Broker adapter not found")
_NO_BROKER: Final = ("BROKER_ERROR", "No broker configuration found for user")
_NO_BROKER_INFO: Final = ("BROKER_ERROR", "Broker information not available")
_INVALID_KEY: Final = ("AUTHENTICATION_ERROR", "Invalid API key")
_KEYS_UNREADABLE: Final = ("SERVER_ERROR", "API keys cannot be checked at the moment")


class Session:
    """What one client is and holds. `writer` takes the frames of replies and pushes."""

    def __init__(self, desk: Desk, writer: Writer) -> None:
        self.identity: Identity | None = None
        self.wants_orders = False
        self._desk = desk
        self._writer = writer
        self._holdings: Holdings[Held] = Holdings()
        self._member = desk.lanes.join(writer, desk.clock.monotonic())
        self._subscribing: Subscribing | None = None

    @property
    def subscriptions(self) -> int:
        return len(self._holdings)

    def receive(self, message: str | bytes) -> Subscribing | None:
        """Handle one message. What is returned is to be settled before the next one."""
        try:
            try:
                request = requests.parse(message, self._desk.settings.default_exchange)
            except Refusal as refusal:
                self._desk.totals.malformed += 1
                if refusal.needs_auth:
                    self._authenticated()
                raise
            return self._handle(request)
        except Refusal as refusal:
            self._reply(replies.error(refusal.code, refusal.message))
            return None

    def settle(self, subscribing: Subscribing) -> None:
        """Acknowledge a subscribe with what is known by now."""
        self._subscribing = None
        outcomes = subscribing.settle(self._member)
        request_id = subscribing.request.request_id
        self._reply(replies.subscribed(outcomes, self._desk.default_broker, request_id))
        subscribing.pour(self._writer)

    def close(self) -> None:
        """The client is gone, or about to be: it gets and wants nothing any more."""
        if self._subscribing is not None:
            self._subscribing.abandon()
            self._subscribing = None
        self._unsubscribe_all()
        self._desk.lanes.leave(self._member)

    # --- requests -------------------------------------------------------------------------

    def _handle(self, request: requests.Request) -> Subscribing | None:
        match request:
            case requests.Authenticate(credential):
                self._authenticate(credential)
            case requests.Subscribe():
                return self._subscribe(request)
            case requests.Unsubscribe():
                self._unsubscribe(request)
            case requests.UnsubscribeAll(request_id):
                self._authenticated()
                self._adapter_needed()
                outcomes = self._unsubscribe_all()
                self._reply(replies.unsubscribed(outcomes, self._desk.default_broker, request_id))
            case requests.Orders(wanted, request_id):
                self._authenticated()
                self.wants_orders = wanted
                self._reply(replies.orders(wanted, request_id))
            case requests.BrokerInfo():
                self._broker_info()
            case requests.SupportedBrokers():
                self._reply(replies.supported_brokers(self._desk.supported_brokers))
            case requests.Ping(timestamp, ping_id):
                now_ms = self._desk.clock.unix_ns() // 1_000_000
                self._reply(replies.pong(now_ms, timestamp, ping_id))
            case requests.Nothing():
                pass
        return None

    def _authenticate(self, credential: str) -> None:
        """Answered from the key store alone: clients wait 5 s in all, brokers can take longer."""
        try:
            identity = self._desk.authority.verify(credential)
        except IdentityError as error:
            logger.error("a client could not be authenticated: %s", error)  # noqa: TRY400
            raise Refusal(*_KEYS_UNREADABLE) from None
        if identity is None:
            self._desk.totals.auth_failures += 1
            raise Refusal(*_INVALID_KEY)
        self.identity = identity
        if self._desk.routing.default is None:
            raise Refusal(*_NO_BROKER)
        self._reply(replies.authenticated(self._desk.default_broker, identity.user))

    def _subscribe(self, request: requests.Subscribe) -> Subscribing | None:
        self._authenticated()
        self._adapter_needed()
        subscribing = self._subscribing = Subscribing(self._desk, self._holdings, request)
        if not subscribing.answered:
            return subscribing
        self.settle(subscribing)
        return None

    def _unsubscribe(self, request: requests.Unsubscribe) -> None:
        self._authenticated()
        self._adapter_needed()
        outcomes = [self._unsubscribe_one(entry) for entry in request.entries]
        self._reply(replies.unsubscribed(outcomes, self._desk.default_broker, request.request_id))

    def _unsubscribe_one(self, entry: UnsubscribeEntry) -> Outcome:
        """Unsubscribing what is not held succeeds: it is as the client wants it."""
        if entry.refusal is not None:
            broker = self._desk.default_broker
            return Outcome(entry.instrument, broker, entry.refusal.message, entry.refusal.code)
        meant = self._holdings.meant_by(entry.instrument, entry.mode)
        brokers = [held.adapter.broker for one in meant if (held := self._holdings.get(one))]
        drop(self._desk, self._holdings, self._member, meant)
        return Outcome(entry.instrument, brokers[0] if brokers else self._desk.default_broker)

    def _unsubscribe_all(self) -> list[Outcome]:
        held = [(one, self._holdings.get(one)) for one in self._holdings]
        outcomes = [Outcome(one.spelled, has.adapter.broker) for one, has in held if has]
        drop(self._desk, self._holdings, self._member, [one for one, _ in held])
        return outcomes

    def _broker_info(self) -> None:
        identity = self._authenticated()
        adapter = self._desk.routing.default
        if adapter is None:
            raise Refusal(*_NO_BROKER_INFO)
        connected = self._desk.feeds.connected(adapter.name)
        self._reply(replies.broker_info(adapter.broker, connected, identity.user))

    # --- conditions -----------------------------------------------------------------------

    def _authenticated(self) -> Identity:
        if self.identity is None:
            raise Refusal(*_NOT_AUTHENTICATED)
        return self.identity

    def _adapter_needed(self) -> None:
        if self._desk.routing.default is None:
            raise Refusal(*_NO_ADAPTER)

    def _reply(self, reply: bytes) -> None:
        self._writer.write(text_frame(reply), 0)
