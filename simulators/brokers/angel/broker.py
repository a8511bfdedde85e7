"""Angel One's SmartStream v2: login by headers, JSON commands, one binary packet a message.

Source: SmartAPI's documentation. Where it does not say what the real server does, this one
does what is hardest on a client:

* a request that breaks a limit is refused as a whole, and so is one with a token list that
  mode 4 cannot have;
* unknown tokens are ignored without a word; nothing is acknowledged but refusals.

`/smart-order-update` is the order socket, which tells of made-up orders where the settings
want them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from bus.settings import SimulatorSettings
from simulators.broker import Document, Reaction, RefusedError, Request
from simulators.brokers import order_words
from simulators.brokers.angel.master import scrip_master
from simulators.brokers.angel.packets import DEPTH_20, EXCHANGE_TYPES, SIZES, encode, split, token
from simulators.markets.market import Instrument, Snapshot
from simulators.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from simulators.orders import MadeOrder

ORDERS_PATH: Final = "/smart-order-update"
MASTER_PATHS: Final = frozenset({"/instruments", "/OpenAPI_File/files/OpenAPIScripMaster.json"})
#: Pairs of token and mode on one connection, and of them those in mode 4.
MAX_SUBSCRIPTIONS: Final = 1000
MAX_DEPTH_20: Final = 50

#: What a login needs, by header and, for browsers, by query; and what it is called if wrong.
_HEADERS: Final = {
    "authorization": "Auth token",
    "x-client-code": "Client Code",
    "x-api-key": "API Key",
    "x-feed-token": "Feed Token",
}
_QUERY: Final = {"x-client-code": "clientCode", "x-feed-token": "feedToken", "x-api-key": "apiKey"}
_UNSUBSCRIBE: Final = 0
_SUBSCRIBE: Final = 1
_INVALID: Final = "E1001", "Invalid Request Payload."
_LIMIT: Final = "E1002", "Invalid Request. Subscription Limit Exceeded."


class Angel:
    """SmartStream over one market's instruments."""

    # It speaks only when spoken to: clients ping, it answers.
    heartbeat: str | bytes = "pong"
    heartbeat_s: float = math.inf
    max_connections: int = 3

    def __init__(self, instruments: Sequence[Instrument], settings: SimulatorSettings) -> None:
        self._settings = settings
        self._instruments = instruments
        self._numbers = {
            (EXCHANGE_TYPES[instrument.exchange], token(instrument)): number
            for number, instrument in enumerate(instruments)
            if instrument.exchange in EXCHANGE_TYPES
        }

    def login(self, request: Request) -> str:
        """The client code, by which connections are counted; the order socket's by themselves.

        The order socket looks at the token of the login only.
        """
        given = _credentials(request)
        is_orders = request.path == ORDERS_PATH
        wanted = {
            "authorization": self._settings.access_token,
            "x-api-key": self._settings.api_key,
        }
        for name in ("authorization",) if is_orders else given:
            value = given.get(name, "")
            if not value or value != (wanted.get(name) or value):
                reason = f"Invalid Header - Invalid {_HEADERS[name]}"
                raise RefusedError(401, reason, {"x-error-message": reason})
        return f"orders of {given['authorization']}" if is_orders else given["x-client-code"]

    def session(self) -> SmartSession:
        return SmartSession(self._numbers)

    def packet(self, snapshot: Snapshot, mode: str) -> bytes:
        """One packet for each mode that an instrument is subscribed in, behind one another."""
        instrument = self._instruments[snapshot.number]
        return b"".join([encode(instrument, snapshot, int(digit)) for digit in mode])

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        for group in packets:
            yield from split(group)

    def document(self, path: str) -> Document | None:
        """The master, under the path of Angel One's file server too."""
        if path not in MASTER_PATHS:
            return None
        return Document("application/json", scrip_master(self._instruments))

    def hint(self, port: int) -> str:
        return f'url = "ws://{HOST}:{port}"\ninstruments = "http://{HOST}:{port}/instruments"'


def _credentials(request: Request) -> dict[str, str]:
    """What a login brought, under the names of the headers; the form for browsers has no JWT."""
    if all(word in request.query for word in _QUERY.values()):
        return {name: request.query[word] for name, word in _QUERY.items()}
    given = {name: request.headers.get(name, "") for name in _HEADERS}
    return given | {"authorization": given["authorization"].removeprefix("Bearer ")}


class SmartSession:
    """What one connection has asked for. `modes` holds an instrument's modes as digits, `24`."""

    def __init__(self, numbers: Mapping[tuple[int, str], int]) -> None:
        self.modes: dict[int, str] = {}
        self._numbers = numbers
        self._is_orders = False
        self._user = ""

    def opened(self, request: Request) -> Reaction:
        """The order socket says that it is there."""
        self._is_orders = request.path == ORDERS_PATH
        if not self._is_orders:
            return Reaction()
        self._user = request.headers.get("x-client-code", "")
        return Reaction(replies=[_accepted(self._user)])

    def order(self, order: MadeOrder) -> str | None:
        return order_words.angel(order, self._user) if self._is_orders else None

    def receive(self, message: str | bytes) -> Reaction:
        """Take `ping` or a command; what is no command is answered by E1001."""
        if message == "ping":
            return Reaction(replies=["pong"])
        if self._is_orders:
            return Reaction()
        try:
            command = _decode(message)
        except msgspec.MsgspecError:
            return _refusal("", *_INVALID)
        named = dict.fromkeys(
            (group.exchangeType, number)
            for group in command.params.tokenList
            for number in group.tokens
        )
        if not _is_possible(command, named):
            return _refusal(command.correlationID, *_INVALID)
        known = [self._numbers[name] for name in named if name in self._numbers]
        if command.action == _SUBSCRIBE:
            return self._subscribe(known, command)
        return self._unsubscribe(known, str(command.params.mode))

    def _subscribe(self, known: list[int], command: _Command) -> Reaction:
        """Add a mode to instruments; where one is subscribed in it already, nothing happens."""
        mode = command.params.mode
        digit = str(mode)
        added = [number for number in known if digit not in self.modes.get(number, "")]
        if self._breaks_limit(added, mode):
            return _refusal(command.correlationID, *_LIMIT)
        for number in added:
            self.modes[number] = "".join(sorted(self.modes.get(number, "") + digit))
        return Reaction(changed=added)

    def _unsubscribe(self, known: list[int], digit: str) -> Reaction:
        changed = [number for number in known if digit in self.modes.get(number, "")]
        for number in changed:
            self.modes[number] = self.modes[number].replace(digit, "")
            if not self.modes[number]:
                del self.modes[number]
        return Reaction(changed=changed)

    def _breaks_limit(self, added: list[int], mode: int) -> bool:
        held = "".join(self.modes.values())
        if len(held) + len(added) > MAX_SUBSCRIPTIONS:
            return True
        return mode == DEPTH_20 and held.count(str(DEPTH_20)) + len(added) > MAX_DEPTH_20


class _Tokens(msgspec.Struct):
    exchangeType: int  # noqa: N815 - the broker's word
    tokens: list[str]


class _Params(msgspec.Struct):
    mode: int
    tokenList: list[_Tokens]  # noqa: N815 - the broker's word


class _Command(msgspec.Struct):
    action: int
    params: _Params
    correlationID: str = ""  # noqa: N815 - the broker's word


_decode: Final = msgspec.json.Decoder(_Command).decode


def _is_possible(command: _Command, named: Iterable[tuple[int, str]]) -> bool:
    """Whether there are such an action and mode, and the mode for all that is named."""
    mode = command.params.mode
    if command.action not in {_UNSUBSCRIBE, _SUBSCRIBE} or mode not in SIZES:
        return False
    return mode != DEPTH_20 or all(kind == EXCHANGE_TYPES["NSE"] for kind, _ in named)


def _refusal(correlation: str, code: str, text: str) -> Reaction:
    answer = {"correlationID": correlation, "errorCode": code, "errorMessage": text}
    return Reaction(replies=[msgspec.json.encode(answer).decode()])


def _accepted(user: str) -> str:
    """What the order socket says first: an order update without an order."""
    answer = {
        "user-id": user,
        "status-code": "200",
        "order-status": "AB00",
        "error-message": "",
        "orderData": {"orderid": "", "price": 0, "quantity": "0", "filledshares": ""},
    }
    return msgspec.json.encode(answer).decode()
