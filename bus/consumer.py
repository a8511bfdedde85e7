"""Ticks in a program of your own, straight from the bus of a system that runs on this machine.

    from bus import Subscriber

    with Subscriber() as ticks:                        # blocking
        ticks.subscribe("NSE:RELIANCE", "NFO:NIFTY30DEC25FUT", mode="QUOTE")
        for tick in ticks:
            print(tick.symbol, tick.data["ltp"])

    async with Subscriber() as ticks:                  # in an event loop
        ticks.subscribe("NSE:RELIANCE")
        async for tick in ticks:
            ...

It follows restarts and hand-overs as the proxy does, reads shared memory where the adapter
publishes there, and counts what was lost. It needs the run's secret, which only the user who
started the system can read; everybody else uses the WebSocket.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
import zmq
from msgspec import Struct

from bus import subscriber
from bus.control.channel import ControlClient
from bus.control.messages import Directory, Follow, ToProcess
from bus.errors import NoSystemError, TopicError
from bus.events import Rejected, decode_event
from bus.feed import Feed
from bus.frames import Frame, Kind
from bus.secret import Secret, decode_secret
from bus.topics import Mode, Topic
from bus.waiting import set_within

STATE_VARIABLE: Final = "OPENALGO_STREAM_STATE"
DEFAULT_STATE: Final = Path(".openalgo-stream/openalgo-stream")
#: Ticks that may wait for the program; then the oldest are lost, and counted.
WAITING: Final = 100_000
#: How often a supervisor, perhaps a new one, is told that we follow its directory.
_FOLLOW_S: Final = 1.0
#: How long the first directory may take.
_FIRST_S: Final = 5.0
#: How long a blocking reader goes at most without a turn of its event loop.
_TURN_S: Final = 0.05


class _Run(Struct):
    """What of `run.json` is needed here."""

    control: str
    secret: Secret


class Tick(NamedTuple):
    """One update. `received_ns`: Unix ns at which the adapter had it from the broker."""

    topic: Topic
    received_ns: int
    sequence: int
    payload: bytes

    @property
    def symbol(self) -> str:
        return self.topic.symbol

    @property
    def exchange(self) -> str:
        return self.topic.exchange

    @property
    def mode(self) -> Mode:
        return self.topic.mode

    @property
    def data(self) -> dict[str, Any]:
        """The fields of `bus.market.ticks`, as a WebSocket client gets them."""
        decoded: dict[str, Any] = msgspec.json.decode(self.payload)
        return decoded


class Subscriber:
    """One consumer of the bus; use it in one thread, as `with` or as `async with`.

    `state` is the instance's state directory: `$OPENALGO_STREAM_STATE`, else
    `.openalgo-stream/openalgo-stream`, which is beside an `openalgo-stream.toml`. `adapter` feeds
    what names none; the first one that is up when empty. With `spin_s` a blocking reader burns
    a core for so long before it sleeps, for a few microseconds in place of some fifty.

    Raises:
        NoSystemError: no system runs there, or it is another user's.
    """

    def __init__(self, state: str | Path = "", *, adapter: str = "", spin_s: float = 0.0) -> None:
        folder = Path(state or os.environ.get(STATE_VARIABLE) or DEFAULT_STATE)
        self._run = _read_run(folder / "run.json")
        self._adapter = adapter
        self._spin_s = spin_s
        self._waiting: deque[Tick] = deque(maxlen=WAITING)
        self._crowded_out = 0
        self._turned_at = 0.0
        #: Why an instrument is not fed, by `EXCHANGE:SYMBOL`.
        self.rejected: dict[str, str] = {}
        self._topics: dict[bytes, Topic] = {}

    @property
    def lost_total(self) -> int:
        """Ticks that did not reach the program: lost on the way, or too many waiting for it."""
        return self._bus.lost_total + self._crowded_out

    def subscribe(self, *instruments: str, mode: str | Mode = Mode.LTP, adapter: str = "") -> None:
        """Want instruments, `EXCHANGE:SYMBOL`, in a mode: LTP, QUOTE or DEPTH.

        Raises:
            TopicError: not the name of an instrument.
            NoSystemError: no adapter is named, and none is up.
        """
        for topic in self._named(instruments, mode, adapter):
            self._topics[topic.text.encode()] = topic
            self._bus.subscribe(self._feeds_from(adapter), topic.wire)

    def unsubscribe(
        self, *instruments: str, mode: str | Mode = Mode.LTP, adapter: str = ""
    ) -> None:
        """Want them no longer."""
        for topic in self._named(instruments, mode, adapter):
            self._topics.pop(topic.text.encode(), None)
            self._bus.unsubscribe(self._feeds_from(adapter), topic.wire)

    # --- blocking -------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._runner.run(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.run(self._close())
        self._runner.close()

    def read(self, timeout_s: float | None = None) -> Tick | None:
        """The next tick; None when none came in time."""
        if time.monotonic() - self._turned_at > _TURN_S:  # one that spins needs the rest, too
            self._turn(asyncio.sleep(0))
        if not self._waiting and not self._spun(timeout_s):
            self._turn(self._arrival(timeout_s))
        return self._waiting.popleft() if self._waiting else None

    def __iter__(self) -> Iterator[Tick]:
        while True:
            tick = self.read()
            if tick is not None:
                yield tick

    def _turn(self, until: Coroutine[Any, Any, None]) -> None:
        """Let the event loop run: directories, demand, sockets."""
        self._runner.run(until)
        self._turned_at = time.monotonic()

    def _spun(self, timeout_s: float | None) -> bool:
        """Look at the memory itself, over and over; whether something came."""
        ends = time.monotonic() + min(
            self._spin_s, self._spin_s if timeout_s is None else timeout_s
        )
        while time.monotonic() < ends:
            for feed in self._bus.feeds:
                feed.poll()
            if self._waiting:
                return True
        return False

    # --- in an event loop -----------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def __aiter__(self) -> AsyncIterator[Tick]:
        while True:
            await self._arrival(None)
            while self._waiting:
                yield self._waiting.popleft()

    # --- both -----------------------------------------------------------------------------

    async def _open(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._arrived = asyncio.Event()
        self._bus = subscriber.Subscriber(
            self._context, secret=self._run.secret, on_frames=self._took
        )
        self._first = ""
        self._told = asyncio.Event()
        name = f"own-{secrets.token_hex(8)}"
        self._control = ControlClient(
            self._context,
            endpoint=self._run.control,
            identity=name,
            secret=self._run.secret,
            on_message=self._on_control,
        )
        self._following = asyncio.create_task(self._follow(name))
        if not await set_within(self._told, _FIRST_S):
            await self._close()
            raise NoSystemError("the supervisor does not answer; is it running?")

    async def _close(self) -> None:
        self._following.cancel()
        self._control.close()
        self._bus.close()
        self._context.term()

    async def _arrival(self, timeout_s: float | None) -> None:
        self._arrived.clear()
        if not self._waiting:
            await set_within(self._arrived, timeout_s)

    async def _follow(self, name: str) -> None:
        """A supervisor that is away for a while changes nothing: ticks go on without it."""
        while True:
            self._control.send(Follow(name))
            await asyncio.sleep(_FOLLOW_S)

    def _on_control(self, message: ToProcess) -> None:
        if isinstance(message, Directory):
            entries = [entry for entry in message.publishers if entry.ticks]
            self._first = self._first or next((entry.adapter for entry in entries), "")
            self._bus.follow(entries)
            self._told.set()

    def _took(self, feed: Feed, frames: list[Frame]) -> None:
        for frame in frames:
            topic = self._topics.get(frame.topic)
            if frame.kind == Kind.EVENT:
                self._note(frame)
            elif topic is not None:
                self._crowded_out += len(self._waiting) == WAITING
                self._waiting.append(Tick(topic, frame.received_ns, frame.sequence, frame.payload))
        if self._waiting:
            self._arrived.set()

    def _note(self, frame: Frame) -> None:
        event = decode_event(frame.payload)
        if isinstance(event, Rejected):
            topic = self._topics.get(event.topic.encode())
            if topic is not None:
                self.rejected[f"{topic.exchange}:{topic.symbol}"] = event.message

    def _feeds_from(self, adapter: str) -> str:
        name = adapter or self._adapter or self._first
        if not name:
            raise NoSystemError("no adapter is up; `openalgo-stream status` says why")
        return name

    def _named(
        self, instruments: tuple[str, ...], mode: str | Mode, adapter: str
    ) -> Iterator[Topic]:
        wanted = mode if isinstance(mode, Mode) else Mode[mode.upper()]
        for text in instruments:
            exchange, colon, symbol = text.partition(":")
            if not colon:
                raise TopicError(f"{text!r} is not EXCHANGE:SYMBOL, as in NSE:RELIANCE")
            yield Topic.make(self._feeds_from(adapter), exchange, symbol, wanted)


def _read_run(path: Path) -> _Run:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Run, dec_hook=decode_secret)
    except (OSError, msgspec.DecodeError):
        raise NoSystemError(
            f"no system runs with {path}; name its state directory, or set {STATE_VARIABLE}"
        ) from None
