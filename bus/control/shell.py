"""The shell around a service: hello, heartbeats, messages of the supervisor, the end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

import zmq

from bus import __version__
from bus.clock import SystemClock
from bus.control.bootstrap import Bootstrap
from bus.control.channel import ControlClient
from bus.control.exhaustion import Exhaustion
from bus.control.messages import (
    Acknowledge,
    Clients,
    Credentials,
    Directory,
    HandOver,
    Heartbeat,
    Hello,
    Identify,
    ListClients,
    Report,
    Steer,
    Stop,
    ToProcess,
)
from bus.control.service import (
    HandsOver,
    HasClients,
    HasLane,
    HasLatency,
    HasLegs,
    Host,
    Publishes,
    Service,
    Steerable,
    TakesCredentials,
)
from bus.errors import ControlError
from bus.waiting import set_within

logger = logging.getLogger(__name__)

HEARTBEAT_S: Final = 1.0


class Shell:
    """One life of a service, in an event loop of its own."""

    def __init__(self, boot: Bootstrap, build: Callable[[Host, Bootstrap], Service]) -> None:
        self._boot = boot
        self._build = build
        self._clock = SystemClock()
        self._wake = asyncio.Event()
        self._stopping: str | None = None
        self._failure: BaseException | None = None
        self._heard = self._clock.monotonic()

    def catch_signals(self) -> None:
        """Let the system's signals end it in order."""
        if sys.platform == "win32":  # stopped by message or terminated there
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, "SIGTERM")
        loop.add_signal_handler(signal.SIGINT, self._stop, "SIGINT")

    async def live(self) -> None:
        """From the service's start to its end."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        asyncio.get_running_loop().set_exception_handler(Exhaustion(self._clock).handle)
        try:
            await self._live(context)
        finally:
            # Its sockets, too, of a service that could not start: a context waits for each.
            context.destroy()

    async def _live(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        boot = self._boot
        host = Host(
            boot.name,
            boot.generation,
            boot.secret,
            context,
            self._clock,
            changed=self._wake.set,
            fail=self._fail,
            finish=self._stop,
        )
        self._service = self._build(host, boot)
        self._endpoint = await self._service.start()
        self._control = ControlClient(
            context,
            endpoint=boot.control,
            identity=f"{boot.name}.{boot.generation}",
            secret=boot.secret,
            on_message=self._on_message,
        )
        self._say_hello()
        try:
            await self._beat()
        finally:
            logger.info("stopping: %s", self._stopping)
            self._tell_figures()  # the last ones, for the totals
            await self._service.stop()
            self._control.close()

    async def _beat(self) -> None:
        """One heartbeat a second, and one at once when something changed."""
        boot = self._boot
        while self._stopping is None:
            self._wake.clear()
            self._tell_figures()
            await set_within(self._wake, HEARTBEAT_S)
            silence = self._clock.monotonic() - self._heard
            if silence > boot.orphan_grace_s:
                self._stopping = f"no supervisor for {silence:.0f} s"
        if self._failure is not None:
            raise self._failure

    def _tell_figures(self) -> None:
        boot, service = self._boot, self._service
        latency = service.latency() if isinstance(service, HasLatency) else None
        legs = service.legs() if isinstance(service, HasLegs) else {}
        self._control.send(
            Heartbeat(boot.name, boot.generation, service.ready, service.stats(), latency, legs)
        )

    def _say_hello(self) -> None:
        boot = self._boot
        service = self._service
        publishes = service.publishes if isinstance(service, Publishes) else ""
        self._control.send(
            Hello(
                *(boot.name, boot.role, os.getpid(), boot.generation),
                *(self._endpoint, __version__, publishes),
                lane=service.lane if isinstance(service, HasLane) else "",
            )
        )

    def _on_message(self, message: ToProcess) -> None:
        self._heard = self._clock.monotonic()
        match message:
            case Acknowledge():
                pass
            case Report():
                self._wake.set()
            case Identify():
                self._say_hello()
                self._wake.set()
            case Stop(reason):
                self._stop(reason)
            case _:
                self._tell_service(message)

    def _tell_service(self, message: ToProcess) -> None:
        match message:
            case Directory(publishers):
                self._service.follow(publishers)
            case Credentials(values):
                if isinstance(self._service, TakesCredentials):
                    self._service.renew(values)
            case Steer(action, value):
                self._steer(action, value)
            case ListClients():
                if isinstance(self._service, HasClients):
                    listed, total = self._service.clients()
                    boot = self._boot
                    self._control.send(Clients(boot.name, boot.generation, listed, total))
            case HandOver():
                if isinstance(self._service, HandsOver):
                    self._service.hand_over(message)

    def _steer(self, action: str, value: str) -> None:
        if isinstance(self._service, Steerable):
            try:
                self._service.steer(action, value)
            except ControlError as error:
                logger.warning("%s", error)
            self._wake.set()

    def _stop(self, reason: str) -> None:
        self._stopping = self._stopping or reason
        self._wake.set()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stop("failed in the background")
