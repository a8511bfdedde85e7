"""The static facts of a broker, and how its parts are made.

A broker module ends in one `Broker`; the frame (pool, session, runner) reads everything
else from it. Numbers come from the broker's documentation, its SDK, or measurement; the
module says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TextIO, TypeAlias

from msgspec import Struct

from adapters.codec import Account, Codec, Key
from adapters.errors import CredentialsError
from adapters.symbols import Instrument
from bus.topics import Mode

ALL_MODES: Final = (Mode.LTP, Mode.QUOTE, Mode.DEPTH)


class Pace(Struct, frozen=True):
    """How fast requests may follow one another: a bucket of `burst`, refilled steadily."""

    per_second: float
    burst: int


class Stream(Struct, frozen=True, kw_only=True):
    """One kind of connection of a broker: most have one, some have another for deep books."""

    name: str = "feed"
    #: Instruments that one connection carries, and connections that one account may hold.
    symbols_per_connection: int
    connections: int
    #: Instruments in one request.
    batch: int = 100
    modes: tuple[Mode, ...] = ALL_MODES
    depth_levels: int = 5
    pace: Pace
    #: Seconds between WebSocket pings that we send, and for the pong to come; None: no pings.
    websocket_ping_s: float | None = 30.0
    websocket_pong_s: float = 10.0
    #: Seconds between the application's own pings (`Codec.ping`); None: there are none.
    ping_s: float | None = None
    #: Seconds without any frame after which the feed is dead. None: it may be silent (a
    #: closed market) and only a missing pong tells.
    silence_s: float | None = 90.0
    #: Seconds that the answer to the login message may take; None: no answer is waited for.
    login_reply_s: float | None = None
    max_frame_bytes: int = 8 << 20


class MasterSource(Struct, frozen=True, kw_only=True):
    """Where a broker's own instrument master is; headers may hold a token."""

    url: str
    headers: Mapping[str, str] = {}


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
    #: The first is where an instrument goes when `stream_of` says nothing else.
    streams: tuple[Stream, ...]
    #: Whether a second session leaves the first alone, so that a replacement may overlap.
    may_overlap: bool
    #: Whether price and book come in ticks of their own, so that a full payload is put
    #: together from several.
    partial_ticks: bool = False
    codec: CodecFactory
    master_reader: MasterReader
    masters: Callable[[Account], tuple[MasterSource, ...]]
    #: Every `Tick.key` under which a token's ticks arrive; the token itself when left out.
    keys_of: Callable[[str], Sequence[Key]] | None = None
    #: Which stream carries a token in a mode, for brokers with several.
    stream_of: Callable[[str, Mode], str] | None = None

    def stream(self, token: str, mode: Mode) -> str:
        """The name of the stream that carries a token in a mode."""
        return self.streams[0].name if self.stream_of is None else self.stream_of(token, mode)

    def keys(self, token: str) -> Sequence[Key]:
        """Every `Tick.key` under which a token's ticks arrive."""
        return (token,) if self.keys_of is None else self.keys_of(token)

    def require(self, account: Account) -> None:
        """Check that every credential is there.

        Raises:
            CredentialsError: names what is missing and where it belongs.
        """
        missing = [name for name in self.credentials if not account.credentials.get(name)]
        if missing:
            raise CredentialsError(
                f"{self.title} needs {' and '.join(missing)}: set "
                f"{'it' if len(missing) == 1 else 'them'} in the adapter's credentials"
            )
