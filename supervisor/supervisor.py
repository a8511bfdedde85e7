"""The supervisor's shell: spawns, listens, reaps, answers; `lifecycle` decides.

Start order: simulators, adapters and the market-data service, the proxy last; stop order is
the reverse, so that clients are told before their feeds end.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import psutil
import zmq

from bus.channel import CommandServer, ControlServer
from bus.clock import Clock, SystemClock
from bus.messages import (
    Acknowledge,
    Clients,
    Directory,
    FromProcess,
    Heartbeat,
    Hello,
    Identify,
    PublisherEntry,
    Report,
    StatusReply,
    Stop,
    ToProcess,
)
from bus.settings import Role
from supervisor import runfile
from supervisor.adoption import Adoption
from supervisor.commands import Commands
from supervisor.fleet import Fleet
from supervisor.handles import rotate
from supervisor.lifecycle import Action, Signal, Spawn, State
from supervisor.managed import Managed
from supervisor.paths import StatePaths
from supervisor.restarting import Restarter
from supervisor.runfile import ProcessRecord, RunFile
from supervisor.vault import Vault

logger = logging.getLogger(__name__)

START_ORDER: Final[tuple[Role, ...]] = ("simulator", "adapter", "marketdata", "tap", "proxy")
_START_S: Final = 20.0
#: Longer than a lifecycle takes from asking to killing.
_STOP_S: Final = 20.0
_TICK_S: Final = 0.1
_LOG_CHECK_TICKS: Final = 600
#: Processes beat once a second; what has not been heard of after this is not there.
_ADOPTION_S: Final = 2.5


class Supervisor:
    """Keeps the processes of one configuration running. Made inside a running event loop."""

    def __init__(
        self,
        paths: StatePaths,
        processes: list[Managed],
        *,
        vault: Vault,
        orphan_grace_s: float,
        previous: RunFile | None,
        clock: Clock | None = None,
    ) -> None:
        self._paths = paths
        self._fleet = Fleet(processes)
        self._orphan_grace_s = orphan_grace_s
        self._previous = previous
        self._clock = clock or SystemClock()
        self._secret = previous.secret if previous else runfile.new_secret()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._control = ControlServer(
            self._context,
            secret=self._secret,
            on_message=self._on_message,
            **({"endpoint": previous.control} if previous else {}),
        )
        restarter = Restarter(self._fleet, self, self._clock)
        self._commands = Commands(self, self._fleet, restarter, vault, self._clock)
        self._command_server = CommandServer(
            self._context, secret=self._secret, on_request=self._commands.answer
        )
        self._directory: list[PublisherEntry] = []
        self._adoption = Adoption(previous.processes if previous else ())
        self._down = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the life of the supervisor -------------------------------------------------------

    async def run(self, on_up: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Start everything, keep it running until told to stop, end everything."""
        self._catch_signals()
        self._save()
        watcher = self.begin(self._watch())
        try:
            await self._adopt()
            await self._start_all()
            if on_up is not None:
                self.begin(on_up())
            await self._down.wait()
        finally:
            # A restart under way must not start anything any more.
            await _cancel(self._tasks - {watcher})
            await self._stop_all()
            await _cancel({watcher})
            self._control.close()
            self._command_server.close()
            self._context.term()
            self._paths.run_file.unlink(missing_ok=True)

    def stop(self, reason: str) -> None:
        """End everything in order; asked a second time, at once."""
        if not self._down.is_set():
            logger.info("stopping: %s", reason)
            self._down.set()
            return
        logger.warning("stopping at once: %s again", reason)
        for process in self._fleet.all:
            process.signal(Signal.KILL)

    def status(self) -> StatusReply:
        return self._commands.status()

    async def _start_all(self) -> None:
        """A simulator's port must be known before an adapter can be pointed at it."""
        now = self._clock.monotonic()
        for role in START_ORDER:
            group = [p for p in self._fleet.of(role) if not p.alive]
            # Proxies share the port that the first of them got.
            first, others = (group[:1], group[1:]) if role == "proxy" else (group, [])
            for process in first:
                self.act(process, process.lifecycle.start(now))
            if role == "simulator" or others:
                await self.until(_all_have_endpoints(first), _START_S)
            for process in others:
                self.act(process, process.lifecycle.start(now))

    async def _stop_all(self) -> None:
        for role in reversed(START_ORDER):
            group = self._fleet.of(role)
            now = self._clock.monotonic()
            for process in group:
                self.act(process, process.lifecycle.stop(now))
            await self.until(_none_alive(group), _STOP_S)

    async def _adopt(self) -> None:
        """Take on what an earlier supervisor left running: same pids, same ports."""
        if self._previous is None:
            return
        await self.until(lambda: not self._adoption.waiting, _ADOPTION_S)
        self._adoption.give_up()
        for record in self._previous.processes:
            process = self._fleet.get(record.name)
            if process is not None and not process.alive:  # generations only ever grow
                process.lifecycle.used = record.generation

    # --- what processes say ---------------------------------------------------------------

    def _on_message(self, identity: bytes, message: FromProcess) -> None:
        now = self._clock.monotonic()
        process = self._fleet.find(message.name, message.generation)
        if process is None:
            self._on_stranger(identity, message, self._fleet.get(message.name), now)
            return
        match message:
            case Hello():
                process.hello(message, now)
                logger.info("%s is up, generation %d", message.name, message.generation)
                self._save()
                self._control.send(identity, Directory(self._directory))
            case Heartbeat():
                before = process.lifecycle.state
                process.heartbeat(message, now)
                self._control.send(identity, Acknowledge())
                if process.lifecycle.state is not before:
                    logger.info("%s is %s", process.name, process.lifecycle.state)
            case Clients():
                self._commands.heard(message)
        self._publish_directory()
        self._wake.set()

    def _on_stranger(
        self, identity: bytes, message: FromProcess, process: Managed | None, now: float
    ) -> None:
        """A process of an earlier supervisor: adopt it, or end it if nobody wants it."""
        if not isinstance(message, Hello):
            self._control.send(identity, Identify())
            return
        record = self._adoption.claim(message)
        if process is not None and not process.alive and record is not None:
            age_s = max(0.0, self._clock.unix_ns() / 1e9 - record.create_time)
            process.adopt(message, record.restarts, age_s, now)
            logger.info("adopted %s, pid %d", message.name, message.pid)
            self._save()
            self._control.send(identity, Directory(self._directory))
            self._publish_directory()
        else:
            self._control.send(identity, Stop("not part of this configuration"))
        self._wake.set()

    def _publish_directory(self) -> None:
        entries = self._fleet.directory()
        if entries == self._directory:
            return
        self._directory = entries
        for process in self._fleet.all:
            if process.alive:
                self._control.send(process.identity, Directory(entries))

    # --- what is due ----------------------------------------------------------------------

    async def _watch(self) -> None:
        """Reap and tick. SIGCHLD wakes it at once; adopted processes wait for the next tick."""
        ticks = 0
        while True:
            await self._sleep(_TICK_S)
            now = self._clock.monotonic()
            for process in self._fleet.all:
                self._reap(process, now)
                self.act(process, process.lifecycle.tick(now))
            ticks += 1
            if ticks % _LOG_CHECK_TICKS == 0:
                for process in self._fleet:
                    rotate(self._paths.log(process.name))

    def _reap(self, process: Managed, now: float) -> None:
        reaped = process.reap(now)
        if reaped is None:
            return
        code, actions = reaped
        expected = process.lifecycle.state is State.STOPPED
        level = logging.INFO if expected or code == 0 else logging.WARNING
        logger.log(
            level, "%s ended: %s", process.name, process.lifecycle.detail or f"exit code {code}"
        )
        self.act(process, actions)
        self._publish_directory()
        self._save()

    def act(self, process: Managed, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Spawn):
                self._spawn(process)
            else:
                if action is Signal.STOP:
                    self._control.send(process.identity, Stop("asked to"))
                process.signal(action)
                if action is not Signal.STOP:
                    logger.warning("%s: %s", process.name, process.lifecycle.detail)
                self._publish_directory()

    def _spawn(self, process: Managed) -> None:
        try:
            process.spawn(self._control.endpoint, self._secret, self._orphan_grace_s)
        except OSError as error:
            logger.error("%s cannot be started: %s", process.name, error)  # noqa: TRY400
            now = self._clock.monotonic()
            process.lifecycle.exited(now, 1, f"cannot be started: {error}")
        self._save()

    # --- for restarts and commands --------------------------------------------------------

    def ask_report(self, process: Managed) -> None:
        self.tell(process, Report())

    def tell(self, process: Managed, message: ToProcess) -> bool:
        """Whether the process was there to be told."""
        return process.alive and self._control.send(process.identity, message)

    def changed(self) -> None:
        """A restart changed which processes there are."""
        self._publish_directory()
        self._save()

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for something that messages, exits or the time bring about."""
        deadline = self._clock.monotonic() + timeout_s
        while not condition():
            if self._clock.monotonic() >= deadline:
                return False
            await asyncio.sleep(_TICK_S / 4)
        return True

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return
        self._wake.clear()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside; a defect in it ends the supervisor, and is not lost."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a defect of the supervisor", exc_info=error)
            self.stop("a defect")

    def _save(self) -> None:
        """What a later supervisor needs to know, should this one die."""
        me = psutil.Process()
        records = [
            ProcessRecord(
                name=p.name,
                pid=p.handle.pid,
                create_time=p.handle.create_time,
                generation=p.lifecycle.generation,
                restarts=p.lifecycle.restarts,
            )
            for p in self._fleet.all
            if p.handle is not None
        ]
        records += self._adoption.waiting
        runfile.write(
            self._paths.run_file,
            RunFile(
                pid=me.pid,
                create_time=me.create_time(),
                commands=self._command_server.endpoint,
                control=self._control.endpoint,
                secret=self._secret,
                processes=records,
            ),
        )

    def _catch_signals(self) -> None:
        if sys.platform == "win32":
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop, number.name)
        loop.add_signal_handler(signal.SIGCHLD, self._wake.set)


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _all_have_endpoints(group: list[Managed]) -> Callable[[], bool]:
    return lambda: all(process.endpoint for process in group)


def _none_alive(group: list[Managed]) -> Callable[[], bool]:
    return lambda: not any(process.alive for process in group)
