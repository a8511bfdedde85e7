"""A broker's bytes for the benchmarks: what its simulator says to our own session, written down."""

from __future__ import annotations

import asyncio
import tomllib
from dataclasses import dataclass

from adapters import registry
from adapters.broker import Broker, MasterSource
from adapters.codec import Account, Codec, Decoded, WireFrame
from adapters.connecting.complaints import Counters
from adapters.connecting.session import Hooks, Session
from adapters.instruments.masters import load
from adapters.symbols import Instrument
from adapters.threads import in_daemon_thread
from bus.backoff import Backoff
from bus.clock import SystemClock
from bus.secret import Secret
from bus.settings import AdapterSettings, SimulatorSettings
from bus.topics import Mode
from simulators.server import SimulatorServer

RECORD_TIMEOUT_S = 120.0


@dataclass
class Recording:
    """Everything that one connection got, from its login on, with all instruments in one mode."""

    broker: Broker
    mode: Mode
    account: Account
    instruments: list[Instrument]
    frames: list[WireFrame]

    def codec(self) -> Codec:
        """One that has subscribed to everything, and heard nothing yet."""
        codec = self.broker.codec(self.account, self.broker.streams[0].name)
        codec.modes.update((row.token, self.mode) for row in self.instruments)
        return codec


async def record(name: str, mode: Mode, ticks: int) -> Recording:
    """The first `ticks` ticks of a broker's simulator, played as fast as they are read."""
    broker = registry.find(name)
    server = SimulatorServer(SimulatorSettings(broker=name, speed=0, rate=150.0, seed=1))
    await server.start()
    try:
        settings = settings_of(broker, server.hint())
        account = Account(credentials=settings.credentials, url=settings.url)
        source = MasterSource(url=settings.instruments)
        book = await in_daemon_thread(lambda: load([source], broker.master_reader))
        instruments = [row for row in book if _is_carried(broker, row, mode)]
        frames = await _listen(broker, account, instruments, mode, ticks)
    finally:
        await server.stop()
    return Recording(broker, mode, account, instruments, frames)


def settings_of(broker: Broker, hint: str) -> AdapterSettings:
    """An adapter aimed at a simulator, as its hint says."""
    table = tomllib.loads(hint)
    credentials = dict.fromkeys(broker.credentials, "bench") | table.pop("credentials", {})
    secrets = {key: Secret(value) for key, value in credentials.items()}
    return AdapterSettings(broker=broker.name, credentials=secrets, orders=False, **table)


def _is_carried(broker: Broker, row: Instrument, mode: Mode) -> bool:
    stream = broker.route(row.token, row.exchange, mode)
    return stream is not None and stream.name == broker.streams[0].name


async def _listen(
    broker: Broker, account: Account, instruments: list[Instrument], mode: Mode, ticks: int
) -> list[WireFrame]:
    frames: list[WireFrame] = []
    done = asyncio.Event()
    seen = 0

    def recording(account: Account, stream: str) -> Codec:
        codec = broker.codec(account, stream)
        read = codec.read

        def listen(frame: WireFrame, out: Decoded) -> None:
            nonlocal seen
            before = len(out.ticks)
            read(frame, out)
            if seen < ticks:
                frames.append(frame)
                seen += len(out.ticks) - before
            else:
                done.set()

        codec.read = listen  # type: ignore[method-assign]  # a tap on one object
        return codec

    session = Session(
        "bench",
        _with_codec(broker, recording),
        broker.streams[0],
        account,
        hooks=Hooks(
            on_ticks=lambda _ticks, _at: None,
            on_order=lambda _order: None,
            on_asked=lambda _tokens: None,
            on_lost=lambda _tokens: None,
            on_state=lambda: None,
        ),
        counters=Counters(),
        clock=SystemClock(),
        backoff=Backoff(),
    )
    for row in instruments:
        session.want(row.token, mode)
    task = asyncio.create_task(session.run())
    try:
        async with asyncio.timeout(RECORD_TIMEOUT_S):
            await done.wait()
    finally:
        await session.stop()
        await asyncio.wait([task], timeout=5)
    return frames


def _with_codec(broker: Broker, codec: object) -> Broker:
    import msgspec  # noqa: PLC0415 - for this one call

    return msgspec.structs.replace(broker, codec=codec)
