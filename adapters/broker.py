"""The static facts of a broker, and how its parts are made.

A broker module ends in one `Broker`; the frame (pool, session, runner) reads everything
else from it. Numbers come from the broker's documentation, its SDK, or measurement; the
module says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TextIO, TypeAlias

from msgspec import Struct

from adapters.codec import Account, Codec, Key
from adapters.errors import CredentialsError
from adapters.symbols import Instrument
from bus.secret import Secret
from bus.topics import Mode

ALL_MODES: Final = (Mode.LTP, Mode.QUOTE, Mode.DEPTH)
#: Levels a side of a book that nobody asked a depth for.
DEFAULT_LEVELS: Final = 5


class Pace(Struct, frozen=True):
    """How fast requests may follow one another: a bucket of `burst`, refilled steadily."""

    per_second: float
    burst: int


class Stream(Struct, frozen=True, kw_only=True):
    """One kind of connection of a broker: most have one, some have another for deep books."""

    name: str = "feed"
    #: `orders`: the account's order channel, one connection without subscriptions.
    purpose: Literal["ticks", "orders"] = "ticks"
    #: Instruments that one connection carries, and connections that one account may hold.
    symbols_per_connection: int
    connections: int
    #: Instruments in one request.
    batch: int = 100
    modes: tuple[Mode, ...] = ALL_MODES
    #: Exchanges whose instruments it carries; empty: all of the broker's.
    exchanges: tuple[str, ...] = ()
    #: Levels a side in a book of mode DEPTH.
    depth_levels: int = 5
    #: Whether its ticks hold a book and no price. An instrument then has a place on a stream
    #: with prices as well, in mode QUOTE, and payloads are put together from both.
    book_only: bool = False
    pace: Pace
    #: Seconds between WebSocket pings that we send, and for the pong to come; None: no pings.
    websocket_ping_s: float | None = 30.0
    websocket_pong_s: float = 10.0
    #: Seconds between the application's own pings (`Codec.ping`); None: there are none.
    ping_s: float | None = None
    #: Seconds without any frame after which the feed is dead. None: it may be silent (a
    #: closed market) and only a missing pong tells.
    silence_s: float | None = 90.0
    #: Seconds without any tick after which the feed is dead, while it has instruments whose
    #: market is open (`bus.market.hours`). It grows while reconnecting brings no tick either:
    #: then nobody trades. None: only `silence_s` counts.
    stall_s: float | None = 120.0
    #: Seconds that the answer to the login message may take; None: no answer is waited for.
    login_reply_s: float | None = None
    max_frame_bytes: int = 8 << 20

    def carries(self, exchange: str, mode: Mode) -> bool:
        """Whether an exchange's instruments can be asked for here in a mode."""
        return (
            self.purpose == "ticks"
            and mode in self.modes
            and (not self.exchanges or exchange in self.exchanges)
        )


class MasterSource(Struct, frozen=True, kw_only=True):
    """Where a broker's own instrument master is; headers may hold a token."""

    url: str
    headers: Mapping[str, str] = {}


class OpenAlgoRow(NamedTuple):
    """A row of OpenAlgo's table `symtoken`, in OpenAlgo's words."""

    symbol: str
    brsymbol: str
    exchange: str
    brexchange: str
    token: str


class OpenAlgoLogin(NamedTuple):
    """What OpenAlgo keeps of a login to a broker: the texts of its table `auth`, and the key of
    the broker's app, which it is told in its environment."""

    auth: str
    feed_token: str
    client_code: str
    api_key: str


def _plain_token(login: OpenAlgoLogin) -> Mapping[str, str]:
    return {"access_token": login.auth}


CodecFactory: TypeAlias = Callable[[Account, str], Codec]
#: Reads a master's text; may raise InstrumentsError with the line.
MasterReader: TypeAlias = Callable[[TextIO], Iterator[Instrument]]


class Broker(Struct, frozen=True, kw_only=True):
    """Everything about a broker that does not change while a process lives."""

    name: str
    title: str
    #: Names in `[adapters.NAME.credentials]` that the feed cannot do without.
    credentials: tuple[str, ...]
    exchanges: tuple[str, ...]
    #: The first is where an instrument goes when nothing else says otherwise.
    streams: tuple[Stream, ...]
    #: Connections of all streams for ticks together, where the broker counts them so.
    connections: int | None = None
    #: Whether a second session leaves the first alone, so that a replacement may overlap.
    may_overlap: bool
    #: Whether price and book come in ticks of their own, so that a full payload is put
    #: together from several.
    partial_ticks: bool = False
    #: Whether the account's order updates come on connections for ticks.
    orders_in_feed: bool = False
    codec: CodecFactory
    master_reader: MasterReader
    masters: Callable[[Account], tuple[MasterSource, ...]]
    #: The token of our master from a row of OpenAlgo's, empty: there is none. Without it,
    #: OpenAlgo's token is taken as it is.
    openalgo_token: Callable[[OpenAlgoRow], str] | None = None
    #: Our credentials from a login of OpenAlgo's.
    openalgo_login: Callable[[OpenAlgoLogin], Mapping[str, str]] = _plain_token
    #: Every `Tick.key` under which a token's ticks arrive; the token itself when left out.
    keys_of: Callable[[str], Sequence[Key]] | None = None
    #: Which stream carries a token in a mode, where that is not by exchange, mode and levels.
    stream_of: Callable[[str, Mode], str] | None = None

    @property
    def pushes_orders(self) -> bool:
        """Whether the broker tells of the account's orders."""
        return self.orders_in_feed or any(s.purpose == "orders" for s in self.streams)

    def stream(self, token: str, mode: Mode) -> str:
        """The name of the stream that carries a token in a mode when no depth is asked for."""
        return self.streams[0].name if self.stream_of is None else self.stream_of(token, mode)

    def route(
        self, token: str, exchange: str, mode: Mode, levels: int = DEFAULT_LEVELS
    ) -> Stream | None:
        """The stream for an instrument in a mode; None: the broker has no such.

        For a book the one with the fewest levels that are enough, else with the most.
        """
        able = [stream for stream in self.streams if stream.carries(exchange, mode)]
        if not able:
            return None
        usual = self.stream(token, mode)
        able.sort(key=lambda stream: stream.name != usual)  # stable: the usual one comes first
        if mode is not Mode.DEPTH:
            return next((stream for stream in able if not stream.book_only), None)
        enough = [stream for stream in able if stream.depth_levels >= levels]
        if not enough:
            return max(able, key=lambda stream: stream.depth_levels)
        if enough[0].name == usual and self.stream_of is not None and levels <= DEFAULT_LEVELS:
            return enough[0]
        return min(enough, key=lambda stream: stream.depth_levels)

    def keys(self, token: str) -> Sequence[Key]:
        """Every `Tick.key` under which a token's ticks arrive."""
        return (token,) if self.keys_of is None else self.keys_of(token)

    def missing(self, credentials: Mapping[str, Secret]) -> list[str]:
        """The credentials that are needed and not there, or empty."""
        return [name for name in self.credentials if not credentials.get(name)]

    def require(self, account: Account) -> None:
        """Check that every credential is there.

        Raises:
            CredentialsError: names what is missing and where it belongs.
        """
        missing = self.missing(account.credentials)
        if missing:
            raise CredentialsError(
                f"{self.title} needs {' and '.join(missing)}: set "
                f"{'it' if len(missing) == 1 else 'them'} in the adapter's credentials"
            )
