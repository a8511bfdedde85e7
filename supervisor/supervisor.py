"""The supervisor's shell: spawns, reaps, waits; `lifecycle` decides, `hearing` listens."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import psutil
import zmq

from bus.clock import Clock, SystemClock
from bus.control.channel import CommandServer
from bus.control.exits import Exit
from bus.control.messages import (
    Clients,
    Done,
    Reply,
    Report,
    RestartRequest,
    StatusReply,
    Stop,
    ToProcess,
)
from bus.secret import Secret
from bus.waiting import set_within
from supervisor import ordering
from supervisor.chores import Chores
from supervisor.commands import Commands
from supervisor.config import Config
from supervisor.errors import NoTokenError
from supervisor.fleet import Fleet
from supervisor.hearing import Hearing
from supervisor.instance import runfile
from supervisor.instance.adoption import Adoption, settle
from supervisor.instance.paths import StatePaths
from supervisor.instance.runfile import RunFile
from supervisor.ledger import RESTARTS
from supervisor.notify import READY, STOPPING, notify
from supervisor.processes.lifecycle import Action, Signal, Spawn, State
from supervisor.processes.managed import Managed, preload_for
from supervisor.processes.nursery import Nursery
from supervisor.processes.spawning import PlainSpawner, Spawner
from supervisor.replacing.reloading import Reloader, Source
from supervisor.replacing.renewal import Renewal, Tokens, TokenSource
from supervisor.replacing.restarting import Restarter
from supervisor.tasks import Tasks
from supervisor.vault import Vault

logger = logging.getLogger(__name__)

_TICK_S: Final = 0.1
#: Later than this the supervisor was stopped, starved or swapped out; others may have waited.
_OVERSLEPT_S: Final = 1.0
#: Processes beat once a second; what has not been heard of after this hangs, as for a lifecycle.
_ADOPTION_S: Final = 5.0
#: Rather than wait longer for a warm template, start plainly; a machine that needs so long for one
#: start would need it for each process.
_WARM_S: Final = 20.0


class Supervisor:
    """Keeps the processes of one configuration running. Made inside a running event loop."""

    def __init__(
        self,
        paths: StatePaths,
        settings: Config,
        source: Source,
        *,
        vault: Vault,
        tokens: TokenSource,
        previous: RunFile | None,
        clock: Clock | None = None,
    ) -> None:
        self._paths = paths
        accounts = previous.accounts if previous else None
        self._fleet = Fleet(source.compose(settings, {}), accounts)
        self._orphan_grace_s = settings.supervisor.orphan_grace_s
        self._previous = previous
        self._clock = clock or SystemClock()
        self._secret = previous.secret if previous else runfile.new_secret()
        self._down = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks = Tasks(on_defect=lambda: self.stop("a defect"))
        template = settings.supervisor.template and hasattr(os, "fork")
        self._nursery = self._make_nursery() if template else None
        self._spawner: Spawner = self._nursery or PlainSpawner()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._adoption = Adoption(previous.processes if previous else ())
        self._hearing = Hearing(
            self._context,
            self._fleet,
            self._adoption,
            self,
            secret=self._secret,
            endpoint=previous.control if previous else None,
            clock=self._clock,
        )
        restarter = Restarter(self._fleet, self, paths, self._clock)
        marks = previous.tokens if previous else {}
        renewal = Renewal(self._renew, self._secret, marks)
        self._tokens = Tokens(tokens, vault, renewal)
        reloader = Reloader(
            settings, source, self._fleet, self, restarter, vault, self._tokens, self._clock
        )
        self._commands = Commands(self, self._fleet, restarter, reloader, vault, self._clock)
        self._command_server = CommandServer(
            self._context, secret=self._secret, on_request=self._commands.answer
        )

    # --- the life of the supervisor -------------------------------------------------------

    async def run(self, on_up: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Start everything, keep it running until told to stop, end everything."""
        self._catch_signals()
        self._write_run_file()
        if self._nursery is not None:
            self._nursery.start()
        watcher = self.begin(self._watch())
        try:
            await self._adopt()
            await self._tokens.take([one.name for one in self._fleet if not one.alive])
            if self._nursery is not None:
                await self.until(lambda: self._nursery is None or self._nursery.warm, _WARM_S)
            await ordering.start(self._fleet.all, self, self._clock)
            if on_up is not None:
                self.begin(on_up())
            chores = Chores(self._fleet, self._paths, self._replace, self._clock)
            self.begin(chores.run())
            self.begin(self._tokens.follow())
            notify(READY)
            self.begin(chores.tell_watchdog())
            await self._down.wait()
        finally:
            notify(STOPPING)
            # A restart under way must not start anything any more.
            await self._tasks.cancel(but=watcher)
            await ordering.stop_all(self._fleet, self, self._clock)
            await self._tasks.cancel()
            if self._nursery is not None:
                self._nursery.close()
            self._hearing.close()
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

    async def _adopt(self) -> None:
        """Take on what an earlier supervisor left running: same pids, same ports."""
        if self._previous is None:
            return
        self._adoption.expect(self._fleet, self._previous.processes)
        await self.until(lambda: not self._adoption.waiting, _ADOPTION_S)
        self._adoption.give_up()
        for old, new in settle(self._fleet):
            self._commands.resume(old, new)
        self._hearing.publish_directory()
        for name in self._fleet.names:  # one that died while nobody looked
            self._take_over(name)
        self.changed()

    def _make_nursery(self) -> Nursery:
        return Nursery(
            preload_for(self._fleet),
            self._paths.log("template"),
            on_exit=self.wake,
            clock=self._clock,
        )

    # --- what is due ----------------------------------------------------------------------

    async def _watch(self) -> None:
        """Reap and tick. Whatever tells of an end wakes it at once."""
        before = self._clock.monotonic()
        while True:
            await self._sleep(_TICK_S)
            now = self._clock.monotonic()
            if now - before > _OVERSLEPT_S:
                logger.warning("the supervisor itself did not run for %.1f s", now - before)
                for process in self._fleet.all:
                    process.lifecycle.overslept(now - before)
            before = now
            for process in self._fleet.all:
                self._reap(process, now)
                self.act(process, process.lifecycle.tick(now))

    def _reap(self, process: Managed, now: float) -> None:
        about = process.about
        reaped = process.reap(now)
        if reaped is None:
            return
        code, actions = reaped
        expected = process.lifecycle.state is State.STOPPED
        level = logging.INFO if expected or code == 0 else logging.WARNING
        why = process.lifecycle.detail or f"exit code {code}"
        logger.log(level, "%s ended: %s", process.name, why, extra=about)
        self._take_over(process.name)
        self.act(process, actions)
        self.changed()

    def _take_over(self, name: str) -> None:
        """Let a standby have the place of an active one that is not there."""
        if self._fleet.take_over(name):
            logger.warning("%s: the standby takes over", name)

    def act(self, process: Managed, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Spawn):
                self._spawn(process)
            else:
                if action is Signal.STOP:
                    self.tell(process, Stop("asked to"))
                process.signal(action)
                if action is not Signal.STOP:
                    detail = process.lifecycle.detail
                    logger.warning("%s: %s", process.name, detail, extra=process.about)
                self._hearing.publish_directory()

    def _spawn(self, process: Managed) -> None:
        if process.lifecycle.restarts:
            self._fleet.ledger.count(process.name, RESTARTS)
        try:
            process.spawn(self._spawner, self._hearing.endpoint, self._secret, self._orphan_grace_s)
        except NoTokenError as error:
            logger.warning("%s waits: %s", process.name, error)
            process.lifecycle.exited(self._clock.monotonic(), Exit.CREDENTIALS, str(error))
        except OSError as error:
            logger.error("%s cannot be started: %s", process.name, error)  # noqa: TRY400
            now = self._clock.monotonic()
            process.lifecycle.exited(now, 1, f"cannot be started: {error}")
        self.save()

    def _renew(self, name: str, values: Mapping[str, Secret]) -> Reply:
        return self._commands.renew(name, values)

    def _replace(self, name: str) -> bool:
        """Begin to replace a process that has grown too large."""
        return isinstance(self._commands.restart(RestartRequest(name)), Done)

    # --- for those who act through it -----------------------------------------------------

    def ask_report(self, process: Managed) -> None:
        self.tell(process, Report())

    def tell(self, process: Managed, message: ToProcess) -> bool:
        """Whether the process was there to be told."""
        return self._hearing.tell(process, message)

    @property
    def control_refused_total(self) -> int:
        """Messages to us that nobody of ours sent, or that are none that is known."""
        return self._hearing.refused_total + self._command_server.malformed_total

    def heard_clients(self, message: Clients) -> None:
        self._commands.heard(message)

    def changed(self) -> None:
        """Processes came or went."""
        self._hearing.publish_directory()
        self.save()

    def wake(self) -> None:
        """Look at what is due now."""
        self._wake.set()

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for something that messages, exits or the time bring about."""
        deadline = self._clock.monotonic() + timeout_s
        while not condition():
            if self._clock.monotonic() >= deadline:
                return False
            await asyncio.sleep(_TICK_S / 10)
        return True

    async def _sleep(self, seconds: float) -> None:
        if await set_within(self._wake, seconds):
            self._wake.clear()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside; a defect in it ends the supervisor, and is not lost."""
        return self._tasks.begin(work)

    def save(self) -> None:
        """Keep the run file true; a disk that is full stops nobody."""
        try:
            self._write_run_file()
        except OSError as error:
            logger.error("%s is not up to date: %s", self._paths.run_file, error.strerror)  # noqa: TRY400

    def _write_run_file(self) -> None:
        """What a later supervisor needs to know, should this one die."""
        me = psutil.Process()
        runfile.write(
            self._paths.run_file,
            RunFile(
                pid=me.pid,
                create_time=me.create_time(),
                commands=self._command_server.endpoint,
                control=self._hearing.endpoint,
                secret=self._secret,
                processes=[*self._fleet.records(), *self._adoption.waiting],
                tokens=self._tokens.marks,
                accounts=self._fleet.ledger.accounts,
            ),
        )

    def _catch_signals(self) -> None:
        if sys.platform == "win32":
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop, number.name)
        loop.add_signal_handler(signal.SIGCHLD, self.wake)
