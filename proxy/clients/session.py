"""One client's conversation: messages in, replies out, in order. Pure.

The shell feeds one message at a time, and settles the `Verifying` or `Subscribing` that comes
of it before the next: a subscribe sent right behind an authenticate waits for it. Nothing is ever
sent before the client spoke, and nothing but the reply in answer to it: some clients take the
first frame they see for the auth reply.
"""

from __future__ import annotations

from typing import Final

from bus.frames import Frame
from identity.authority import Identity
from proxy.clients.rights import LIMIT_EXCEEDED, NOT_PERMITTED, Rights
from proxy.clients.subscribing import Held, Subscribing, drop, reseat
from proxy.clients.subscriptions import Holdings
from proxy.clients.telling import Teller
from proxy.clients.verifying import Verifying
from proxy.desk import Desk
from proxy.fanout.envelope import Envelope
from proxy.fanout.lane import Member, Writer
from proxy.moving import luggage
from proxy.moving.crossing import Crossing
from proxy.moving.freight import Conflated, Conversation, Holding
from proxy.protocol import parsing, replies, requests
from proxy.protocol.profile import PEER, Profile
from proxy.protocol.refusal import Refusal
from proxy.protocol.replies import Outcome
from proxy.protocol.requests import UnsubscribeEntry

_NOT_AUTHENTICATED: Final = ("NOT_AUTHENTICATED", "You must authenticate first")
_NO_ADAPTER: Final = ("BROKER_ERROR", "Broker adapter not found")
_NO_BROKER_INFO: Final = ("BROKER_ERROR", "Broker information not available")
_INVALID_KEY: Final = ("AUTHENTICATION_ERROR", "Invalid API key")
_KEYS_UNREADABLE: Final = ("SERVER_ERROR", "API keys cannot be checked at the moment")
_NO_ORDERS: Final = (NOT_PERMITTED, "This key may not have order updates")


class Session:
    """What one client is and holds. `writer` takes the frames of replies and pushes."""

    def __init__(self, desk: Desk, writer: Writer, profile: Profile = PEER) -> None:
        self.profile = profile
        self.identity: Identity | None = None
        self.rights = Rights(desk.routing, None)
        self.wants_orders = False
        self._desk = desk
        self._writer = writer
        self._holdings: Holdings[Held] = Holdings()
        self._member = desk.lanes.join(writer, desk.clock.monotonic())
        self._subscribing: Subscribing | None = None
        self._teller = (
            Teller(desk.demand, self._holdings, self.push) if profile.tells_status else None
        )

    @property
    def member(self) -> Member:
        """The client as the lanes know it."""
        return self._member

    @property
    def subscriptions(self) -> int:
        return len(self._holdings)

    def receive(self, message: str | bytes) -> Subscribing | Verifying | None:
        """Handle one message. What is returned is to be settled before the next one."""
        try:
            try:
                text = self.profile.text(message)
                request = parsing.parse(text, self._desk.settings.default_exchange)
            except Refusal as refusal:
                self._desk.totals.malformed += 1
                if refusal.needs_auth:
                    self._authenticated()
                raise
            return self._handle(request)
        except Refusal as refusal:
            self._reply(replies.error(refusal.code, refusal.message))
            return None

    def settle(self, waiting: Subscribing | Verifying) -> None:
        """Answer what was waited for with what is known by now."""
        if isinstance(waiting, Subscribing):
            self._acknowledge(waiting)
            return
        try:
            self._log_in(waiting)
        except Refusal as refusal:
            self._reply(replies.error(refusal.code, refusal.message))

    def renew(self, identity: Identity) -> None:
        """What the client proved has other rights now: they hold for what it has, too."""
        if identity != self.identity:
            self._become(identity)

    def push(self, message: bytes) -> None:
        """Send a message (JSON) that answers no request."""
        self._writer.write(self.profile.look.frame(message), 1)

    def close(self) -> None:
        """The client is gone, or about to be: it gets and wants nothing any more."""
        self.wants_orders = False
        if self._teller is not None:
            self._teller.end()
        if self._subscribing is not None:
            self._subscribing.abandon()
            self._subscribing = None
        self._unsubscribe_all()
        self._desk.lanes.leave(self._member)
        if self.identity is not None:
            self._desk.presence.leave(self.identity)

    # --- on its way to another process --------------------------------------------------------

    @property
    def topics(self) -> set[bytes]:
        """The topics (ending in NUL) that feed it."""
        return {held.topic for held in self._holdings.values()}

    def holdings(self) -> list[Holding]:
        """What it holds, in order."""
        return luggage.pack(self._holdings)

    def conflated(self) -> Conflated:
        """What it was given last of each, while it is parked."""
        return luggage.pack_conflated(self._holdings, self._member)

    def resume(
        self, conversation: Conversation, crossing: Crossing
    ) -> dict[Envelope, Frame | None]:
        """Be and hold what another process says; returns what a conflated client was given."""
        if conversation.identity is not None:
            self._desk.presence.resume(conversation.identity)
            self.identity = conversation.identity
            self.rights = Rights(self._desk.routing, self.identity)
            self.wants_orders = conversation.wants_orders
        return luggage.unpack(
            self._desk,
            self._holdings,
            self._member,
            self.profile,
            conversation,
            crossing,
            self.rights,
        )

    def catch_up(self, crossing: Crossing) -> None:
        """Give it what came between the other process's last word and now."""
        data, messages = luggage.missed(self._holdings, crossing)
        if messages:
            self._writer.write(data, messages)

    # --- requests -------------------------------------------------------------------------

    def _handle(self, request: requests.Request) -> Subscribing | Verifying | None:
        match request:
            case requests.Authenticate(credential):
                return Verifying(credential)
            case requests.Subscribe():
                return self._subscribe(request)
            case requests.Unsubscribe():
                self._unsubscribe(request)
            case requests.UnsubscribeAll(request_id):
                self._authenticated()
                self._adapter_needed()
                outcomes = self._unsubscribe_all()
                self._reply(replies.unsubscribed(outcomes, self.rights.broker, request_id))
            case requests.Orders(wanted, request_id):
                self._orders(wanted=wanted)
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

    def _log_in(self, verifying: Verifying) -> None:
        """Answered from the authorities alone: clients wait 5 s in all, brokers can take longer.

        Raises:
            Refusal: an identity that the client had before stays, unless it has a new one now.
        """
        if verifying.failed:
            raise Refusal(*_KEYS_UNREADABLE)
        identity = verifying.identity
        if identity is None:
            self._desk.totals.auth_failures += 1
            raise Refusal(*_INVALID_KEY)
        before = self.identity
        if before is None or before.credential != identity.credential:
            if not self._desk.presence.enter(identity):
                most = identity.scopes.connections
                raise Refusal(LIMIT_EXCEEDED, f"This key may have {most} connections at a time")
            if before is not None:
                self._desk.presence.leave(before)
        if before is not None and before.user != identity.user:
            self.wants_orders = False
        self._become(identity)
        if self.rights.routing.default is None:
            raise Refusal("BROKER_ERROR", self.rights.no_feed)
        shape = self.profile.look.shape
        self._reply(replies.authenticated(self.rights.broker, identity.user, shape))

    def _become(self, identity: Identity) -> None:
        self.identity = identity
        self.rights = Rights(self._desk.routing, identity)
        self.wants_orders = self.wants_orders and self.rights.orders
        self._fit()

    def _fit(self) -> None:
        """Hold no more than is allowed, and of the adapters that feed this client."""
        reseat(self._desk, self._holdings, self._member, self.rights, self.profile)

    def _acknowledge(self, subscribing: Subscribing) -> None:
        self._subscribing = None
        outcomes = subscribing.settle(self._member)
        if subscribing.rights is not self.rights:
            self._fit()  # they changed while the adapters were asked
        request_id = subscribing.request.request_id
        shape = self.profile.look.shape
        self._reply(replies.subscribed(outcomes, self.rights.broker, request_id, shape))
        subscribing.pour(self._writer)

    def _subscribe(self, request: requests.Subscribe) -> Subscribing | None:
        self._authenticated()
        self._adapter_needed()
        subscribing = self._subscribing = Subscribing(
            self._desk, self._holdings, request, self.rights, self.profile
        )
        if not subscribing.answered:
            return subscribing
        self._acknowledge(subscribing)
        return None

    def _unsubscribe(self, request: requests.Unsubscribe) -> None:
        self._authenticated()
        self._adapter_needed()
        outcomes = [self._unsubscribe_one(entry) for entry in request.entries]
        self._reply(replies.unsubscribed(outcomes, self.rights.broker, request.request_id))

    def _unsubscribe_one(self, entry: UnsubscribeEntry) -> Outcome:
        """Unsubscribing what is not held succeeds: it is as the client wants it."""
        if entry.refusal is not None:
            broker = self.rights.broker
            return Outcome(entry.instrument, broker, entry.refusal.message, entry.refusal.code)
        meant = self._holdings.meant_by(entry.instrument, entry.mode)
        brokers = [held.adapter.broker for one in meant if (held := self._holdings.get(one))]
        drop(self._desk, self._holdings, self._member, meant)
        return Outcome(entry.instrument, brokers[0] if brokers else self.rights.broker)

    def _unsubscribe_all(self) -> list[Outcome]:
        held = [(one, self._holdings.get(one)) for one in self._holdings]
        outcomes = [Outcome(one.spelled, has.adapter.broker) for one, has in held if has]
        drop(self._desk, self._holdings, self._member, [one for one, _ in held])
        return outcomes

    def _orders(self, *, wanted: bool) -> None:
        self._authenticated()
        if wanted and not self.rights.orders:
            raise Refusal(*_NO_ORDERS)
        self.wants_orders = wanted

    def _broker_info(self) -> None:
        identity = self._authenticated()
        adapter = self.rights.routing.default
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
        if self.rights.routing.default is None:
            raise Refusal(*_NO_ADAPTER)

    def _reply(self, reply: bytes) -> None:
        self._writer.write(self.profile.look.frame(reply), 0)
