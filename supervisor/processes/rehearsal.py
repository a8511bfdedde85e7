"""An adapter's first second, played in the template, so that its children need not begin it.

CPython writes to the code that it runs: it counts executions, then puts in instructions for the
types that it saw. Code that ran before the fork was written before the fork. So a whole small
system lives for a moment in one process: a simulated broker, an adapter in its shell, a consumer.
Nothing is left but what it warmed up: sockets, threads and files end with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import Final

import msgspec
import zmq

from adapters.runner import AdapterService
from bus.control.bootstrap import Bootstrap
from bus.control.channel import ControlServer
from bus.control.messages import Acknowledge, Directory, FromProcess, Hello, PublisherEntry, Stop
from bus.control.service import Host, Service
from bus.control.shell import Shell
from bus.logs.chain import configure
from bus.secret import Secret, encode_secret
from bus.settings import AdapterBootstrap, AdapterSettings, MarketSettings, SimulatorSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic
from simulators.server import SimulatorServer

logger = logging.getLogger(__name__)

#: Code that ran twice has its instructions.
_ROUNDS: Final = 2
#: Much longer than it takes; a supervisor waits twice as long for its template.
_PATIENCE_S: Final = 10.0
_NAME: Final = "rehearsal"
_BROKER: Final = "zerodha"
_TICKS_PER_S: Final = 2000.0
_TICKS: Final = 20


class RehearsalError(Exception):
    """It was not played to its end: what is left of it must not be forked."""


def rehearse() -> None:
    """Raises RehearsalError."""
    root = logging.getLogger()
    handlers = root.handlers
    try:
        with (
            tempfile.TemporaryDirectory(prefix="openalgo-stream-") as folder,
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            contextlib.redirect_stderr(nowhere),
        ):
            configure(_NAME, 0)  # its lines are written, and nobody reads them
            asyncio.run(_play(Path(folder)))
    except Exception as error:
        raise RehearsalError(f"{type(error).__name__}: {error}") from error
    finally:
        root.handlers = handlers
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(_PATIENCE_S)
    if threading.active_count() > 1:  # a fork would copy what it holds, and not the thread
        raise RehearsalError("a thread is left")
    gc.collect()  # the adapter's objects know each other, and one holds a file


async def _play(folder: Path) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        market = SimulatorServer(SimulatorSettings(broker=_BROKER, rate=_TICKS_PER_S))
        port = await market.start()
        try:
            for number in range(_ROUNDS):
                await _Scene(port, folder / str(number)).play()
        finally:
            await market.stop()


class _Scene:
    """One life of an adapter, from its bootstrap to `Stop`, with the two that it talks to."""

    def __init__(self, port: int, folder: Path) -> None:
        self._secret = Secret(_NAME)
        self._ticks = 0
        self._identity = b""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._supervisor = ControlServer(
            self._context, secret=self._secret, on_message=self._process_says
        )
        self._consumer = Subscriber(
            self._context, secret=self._secret, on_frames=lambda _, frames: self._read(len(frames))
        )
        for mode in Mode:
            self._consumer.subscribe(_NAME, Topic.make(_NAME, "NSE", "RELIANCE", mode).wire)
        settings = AdapterBootstrap(
            adapter=AdapterSettings(
                broker=_BROKER,
                url=f"ws://127.0.0.1:{port}",
                instruments=f"http://127.0.0.1:{port}/instruments",
                credentials={"api_key": Secret(_NAME), "access_token": Secret(_NAME)},
            ),
            market=MarketSettings(),
            state=str(folder),
        )
        self._boot = Bootstrap(
            name=_NAME,
            role="adapter",
            generation=1,
            control=self._supervisor.endpoint,
            secret=self._secret,
            orphan_grace_s=_PATIENCE_S,
            settings=msgspec.Raw(msgspec.json.encode(settings, enc_hook=encode_secret)),
        )

    async def play(self) -> None:
        try:
            await Shell(self._boot, _service).live()
        finally:
            self._consumer.close()
            self._supervisor.close()
            self._context.destroy(linger=0)

    def _process_says(self, identity: bytes, message: FromProcess) -> None:
        self._identity = identity
        self._supervisor.send(identity, Acknowledge())
        if isinstance(message, Hello):
            entry = PublisherEntry(_NAME, 1, message.endpoint)
            self._consumer.follow([entry])
            self._supervisor.send(identity, Directory([entry]))

    def _read(self, frames: int) -> None:
        self._ticks += frames
        if self._ticks >= _TICKS:
            self._supervisor.send(self._identity, Stop("rehearsed"))


def _service(host: Host, boot: Bootstrap) -> Service:
    return AdapterService(host, boot.settings_as(AdapterBootstrap))
