"""The shell around every supervised process: settings in, hello, heartbeats, stop.

The supervisor starts `python -m <package>` and writes one line of JSON, a `Bootstrap`, to its
standard input; secrets travel on that private pipe, and new ones for an adapter on the control
plane, which is bound to loopback. The process then says hello on the control plane and beats
once a second from its event loop, so that a beat means "my loop turns", not "my pid exists".

A dead supervisor stops nothing: the control socket reconnects by itself, and only when nobody
has answered for `orphan_grace_s` does the process end itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, runtime_checkable

import msgspec
import zmq
from msgspec import Struct

from bus import __version__
from bus.clock import Clock, SystemClock
from bus.control.channel import ControlClient
from bus.control.exits import Exit
from bus.control.messages import (
    Acknowledge,
    Clients,
    ClientStatus,
    Credentials,
    Directory,
    HandOver,
    Heartbeat,
    Hello,
    Identify,
    ListClients,
    PublisherEntry,
    Report,
    Stats,
    Steer,
    Stop,
    ToProcess,
)
from bus.errors import ControlError
from bus.logs.chain import configure
from bus.measuring.latency import Latency
from bus.secret import Secret, decode_secret, encode_secret
from bus.settings import Role

logger = logging.getLogger(__name__)

HEARTBEAT_S: Final = 1.0
#: Clients in one answer: a control message has at most 1 MiB.
CLIENTS_TOLD: Final = 2000
S = TypeVar("S")


class Bootstrap(Struct, frozen=True, kw_only=True):
    """What a process is told at birth."""

    name: str
    role: Role
    generation: int
    control: str
    secret: Secret
    orphan_grace_s: float
    settings: msgspec.Raw
    #: A random word that names this life in log lines.
    life: str = ""

    def settings_as(self, kind: type[S]) -> S:
        return msgspec.json.decode(self.settings, type=kind, dec_hook=decode_secret)

    def line(self) -> bytes:
        """The line that the supervisor writes to the process's standard input."""
        return msgspec.json.encode(self, enc_hook=encode_secret) + b"\n"


def _raise(error: BaseException) -> None:
    raise error


@dataclass(frozen=True)
class Host:
    """What the shell gives to the service that runs in it."""

    name: str
    generation: int
    secret: Secret
    context: zmq.Context[zmq.Socket[bytes]]
    clock: Clock
    #: Call when `ready` or something worth an early heartbeat changed.
    changed: Callable[[], None]
    #: Call when something in the background failed for good: the process ends with it.
    fail: Callable[[BaseException], None] = _raise
    #: Call when there is nothing left to do, with the reason: the process ends in order.
    finish: Callable[[str], None] = lambda _: None


class Service(Protocol):
    """What a role does inside its process."""

    @property
    def ready(self) -> bool:
        """Whether it does its work now (an adapter: connected to the broker)."""
        ...

    async def start(self) -> str:
        """Bind, begin, and say where: the publisher's endpoint, or the address served."""
        ...

    async def stop(self) -> None:
        """End in order; what is under way is finished or told."""
        ...

    def stats(self) -> Stats:
        """The counters for `status`."""
        ...

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """The directory changed."""
        ...


@runtime_checkable
class TakesCredentials(Protocol):
    """A service that can go on with new credentials."""

    def renew(self, credentials: Mapping[str, Secret]) -> None:
        """Use these from now on."""
        ...


@runtime_checkable
class Publishes(Protocol):
    """A service that serves an address and has events for the bus, too."""

    @property
    def publishes(self) -> str:
        """The publisher's endpoint, once started."""
        ...


@runtime_checkable
class HandsOver(Protocol):
    """A service whose next generation takes on what it has open."""

    def hand_over(self, order: HandOver) -> None:
        """Begin; how it goes on is in `stats`, and once it is done the process ends."""
        ...


@runtime_checkable
class Steerable(Protocol):
    """A service that does what it is told while it runs."""

    def steer(self, action: str, value: str) -> None:
        """Raises ControlError: it knows no such action or value."""
        ...


@runtime_checkable
class HasLane(Protocol):
    """A service that publishes in shared memory, too."""

    @property
    def lane(self) -> str:
        """Where that memory is; empty when it has none."""
        ...


@runtime_checkable
class HasClients(Protocol):
    """A service that others connect to."""

    def clients(self) -> tuple[list[ClientStatus], int]:
        """Those with the most trouble, at most `CLIENTS_TOLD`, and how many there are."""
        ...


@runtime_checkable
class HasLatency(Protocol):
    """A service through which ticks go."""

    def latency(self) -> Latency:
        """How long they took, counted since the start."""
        ...


@runtime_checkable
class HasLegs(Protocol):
    """A service that knows parts of the way of ticks apart."""

    def legs(self) -> dict[str, Latency]:
        """By name, counted since the start."""
        ...


class ExitError(Exception):
    """Raised by a service to end its process with an exit code that means something."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


def run(build: Callable[[Host, Bootstrap], Service]) -> None:
    """The whole life of a process; does not return."""
    faulthandler.enable()  # SIGABRT from the supervisor dumps the stacks of a hung process
    boot = _read_bootstrap()
    configure(boot.name, boot.generation, life=boot.life, role=boot.role)
    try:
        asyncio.run(_Shell(boot, build).live())
    except ExitError as error:
        logger.error("%s", error)  # noqa: TRY400 - its text is the whole story
        _exit(error.code)
    except Exception:
        logger.exception("ended by a defect")
        _exit(Exit.BUG)
    _exit(Exit.CLEAN)


class _Shell:
    def __init__(self, boot: Bootstrap, build: Callable[[Host, Bootstrap], Service]) -> None:
        self._boot = boot
        self._build = build
        self._clock = SystemClock()
        self._wake = asyncio.Event()
        self._stopping: str | None = None
        self._failure: BaseException | None = None
        self._heard = self._clock.monotonic()

    async def live(self) -> None:
        self._catch_signals()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
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
            context.term()

    async def _beat(self) -> None:
        """One heartbeat a second, and one at once when something changed."""
        boot = self._boot
        while self._stopping is None:
            self._wake.clear()
            self._tell_figures()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), HEARTBEAT_S)
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

    def _catch_signals(self) -> None:
        if sys.platform == "win32":  # stopped by message or terminated there
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, "SIGTERM")
        loop.add_signal_handler(signal.SIGINT, self._stop, "SIGINT")


def _read_bootstrap() -> Bootstrap:
    line = sys.stdin.buffer.readline()
    try:
        return msgspec.json.decode(line, type=Bootstrap, dec_hook=decode_secret)
    except msgspec.DecodeError:
        sys.stderr.write(
            "This process is started by `openalgo-stream up`, which tells it what to do.\n"
        )
        _exit(Exit.CONFIGURATION)
        raise


def _exit(code: Exit) -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(int(code))
