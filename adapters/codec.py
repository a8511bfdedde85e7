"""What a broker module implements: its wire protocol as a pure object.

One `Codec` exists per broker connection and may keep what that connection has told so far
(merge state, topic tables). It holds no socket, clock or thread: frames go in, ticks and
replies come out. Static facts (limits, pings, pacing) are in `adapters.broker`.

The contract of `decode`: any bytes or text give ticks, and after damage a typed error with
the ticks before it; never another exception. Every number in a tick is finite.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct, field

from adapters.errors import BrokerError, CodecError, Verdict
from bus.market.orders import Order
from bus.secret import Secret
from bus.topics import Mode

#: What travels in one WebSocket message: bytes with the binary opcode, str with the text one.
WireFrame: TypeAlias = bytes | str
#: How the broker's ticks name an instrument; whatever is cheapest to look up.
Key: TypeAlias = int | str
#: A whole number in a broker's JSON: one that a float holds exactly. Without a bound, JSON can
#: bring integers of any length, which no arithmetic with floats survives.
WireInt: TypeAlias = Annotated[int, Meta(ge=-(2**53), le=2**53)]
#: One price level: price in rupees, quantity in units, number of orders.
Row: TypeAlias = tuple[float, float, int]
#: Exchanges whose quantities may be fractions. Elsewhere a codec gives whole numbers, as int.
FRACTIONAL: Final = frozenset({"CRYPTO"})


class Book(Struct, gc=False):
    """Both sides of an order book, best price first."""

    buy: list[Row]
    sell: list[Row]
    #: False: numbers of orders are not told, or not all; what is not told is 0.
    has_orders: bool = True
    #: Whether quantities may be floats (crypto exchanges); elsewhere all are int.
    fractions: bool = False


class Tick(Struct, gc=False):
    """One update of one instrument. What the broker did not send is None.

    Prices are in rupees, quantities in units (int, but for `FRACTIONAL` exchanges), times in
    Unix ms UTC. `close` is the previous day's. `mode` says how much the packet carries.
    """

    key: Key
    mode: Mode
    ltp: float | None = None
    ltq: float | None = None
    average_price: float | None = None
    volume: float | None = None
    total_buy_quantity: float | None = None
    total_sell_quantity: float | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    last_trade_time: int | None = None
    oi: int | None = None
    oi_high: int | None = None
    oi_low: int | None = None
    exchange_timestamp: int | None = None
    depth: Book | None = None
    upper_circuit: float | None = None
    lower_circuit: float | None = None


class LoggedIn(Struct, frozen=True):
    """The broker has taken the login message: subscriptions may be sent."""


class OrderUpdate(Struct, frozen=True, kw_only=True):
    """An order of the account changed.

    `order.symbol` and `order.exchange` are what the broker's own words give; where `token`
    names an instrument of the master, that instrument's OpenAlgo name replaces them.
    """

    order: Order
    token: str = ""


class Notice(Struct, frozen=True):
    """Text of the broker for people."""

    text: str


Event: TypeAlias = LoggedIn | OrderUpdate | Notice


class Decoded(Struct):
    """What one frame held. All empty: a heartbeat."""

    ticks: list[Tick] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    #: To be sent to the broker at once: acknowledgements, the next step of a login.
    replies: list[WireFrame] = field(default_factory=list)
    error: CodecError | None = None


class Account(Struct, frozen=True, kw_only=True):
    """Whose feed it is. An empty `url` means the broker's own address."""

    credentials: Mapping[str, Secret]
    url: str = ""

    def reveal(self, name: str) -> str:
        return self.credentials[name].reveal()


class Handshake(Struct, frozen=True, kw_only=True):
    """The WebSocket upgrade request. `url` may hold a token: it is never logged."""

    url: str
    headers: Mapping[str, str] = {}
    subprotocols: Sequence[str] = ()


class HttpRequest(Struct, frozen=True, kw_only=True):
    """A GET that has to come before the handshake. URL and headers may hold a token."""

    url: str
    headers: Mapping[str, str] = {}


class Codec(ABC):
    """One connection's protocol. `modes` is kept by the caller: what is asked, per token."""

    def __init__(self, account: Account, stream: str) -> None:
        self.account = account
        self.stream = stream
        #: Read it when a packet does not tell its mode, or where a request replaces all.
        self.modes: dict[str, Mode] = {}

    # --- connecting ---------------------------------------------------------------------

    def prepare(self) -> HttpRequest | None:
        """What to ask over HTTP before each handshake (a one-time address); None: nothing.

        Raises:
            BrokerError: the credentials cannot be used.
        """
        return None

    def prepared(self, status: int, body: bytes) -> None:
        """The answer to `prepare`; status 0: there was none. Keep of it what `handshake` needs.

        Raises:
            BrokerError: no connection can be made with this answer. Nothing else.
        """
        if status != 200:
            text = body.decode(errors="replace")
            words = f"HTTP {status} {text}".rstrip() if status else "no answer over HTTP"
            verdict = self.refused(status, {}, text) if status else Verdict.RETRY
            raise BrokerError(f"http_{status}", words, verdict)

    @abstractmethod
    def handshake(self) -> Handshake:
        """The upgrade request.

        Raises:
            BrokerError: the credentials cannot be used (a token past its own expiry).
        """

    def login(self) -> Sequence[WireFrame]:
        """What to send once the connection is open, before anything else."""
        return ()

    def ping(self) -> WireFrame:
        """The application's own ping, sent every `Stream.ping_s` seconds."""
        return "ping"

    # --- asking -------------------------------------------------------------------------

    @abstractmethod
    def subscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        """The frames that ask for at most `Stream.batch` instruments of the master."""

    @abstractmethod
    def unsubscribe(self, tokens: Sequence[str], mode: Mode) -> list[WireFrame]:
        """The frames that end it; `mode` is what was asked."""

    def change(self, tokens: Sequence[str], before: Mode, after: Mode) -> list[WireFrame]:
        """The frames that move instruments from one mode to another."""
        return self.unsubscribe(tokens, before) + self.subscribe(tokens, after)

    # --- reading ------------------------------------------------------------------------

    @abstractmethod
    def read(self, frame: WireFrame, out: Decoded) -> None:
        """Take one frame apart into `out`; what is in `out` at an error is kept.

        Raises:
            CodecError: damage, or the broker's own error. Nothing else.
        """

    def decode(self, frame: WireFrame) -> Decoded:
        """What the caller uses: `read`, with its error beside what came before it."""
        out = Decoded()
        try:
            self.read(frame, out)
        except CodecError as error:
            out.error = error
        return out

    # --- failing ------------------------------------------------------------------------

    def refused(self, status: int, headers: Mapping[str, str], body: str) -> Verdict:
        """The upgrade was answered with another HTTP status than 101."""
        if status in {401, 403}:
            return Verdict.NEEDS_TOKEN
        return Verdict.SLOW_DOWN if status == 429 else Verdict.RETRY

    def closed(self, code: int, reason: str) -> Verdict:
        """The connection ended with a WebSocket close code (1006: none was sent)."""
        return Verdict.RETRY
