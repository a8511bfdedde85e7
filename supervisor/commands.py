"""What the command line asks of a running supervisor, and how it is answered."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from bus import __version__
from bus.clock import Clock
from bus.control.messages import (
    RELOAD,
    Clients,
    ClientsRequest,
    Credentials,
    DirectoryReply,
    DirectoryRequest,
    Done,
    DownRequest,
    ListClients,
    PlanReply,
    ProgressReply,
    ProgressRequest,
    Refused,
    ReloadRequest,
    Reply,
    Request,
    RestartRequest,
    StatusReply,
    StatusRequest,
    Steer,
    SteerRequest,
    SupervisorStatus,
    TokenRequest,
    ToProcess,
)
from bus.secret import Secret
from supervisor.errors import UserError
from supervisor.fleet import Fleet
from supervisor.processes.lifecycle import State
from supervisor.processes.managed import Managed
from supervisor.replacing.reloading import Reloader
from supervisor.replacing.restarting import Progress, Restarter
from supervisor.rollcall import ANSWER_WAIT_S, RollCall
from supervisor.vault import Vault

logger = logging.getLogger(__name__)


class Shell(Protocol):
    """What the supervisor lends its commands."""

    @property
    def control_refused_total(self) -> int: ...
    def stop(self, reason: str) -> None: ...
    def tell(self, process: Managed, message: ToProcess) -> bool: ...
    def begin(self, work: Coroutine[Any, Any, None]) -> object: ...
    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool: ...


class Commands:
    """Answers requests, at once or when there is something to tell."""

    def __init__(
        self,
        shell: Shell,
        fleet: Fleet,
        restarter: Restarter,
        reloader: Reloader,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._shell = shell
        self._fleet = fleet
        self._restarter = restarter
        self._reloader = reloader
        self._vault = vault
        self._clock = clock
        self._started_at = clock.monotonic()
        self._restarts: dict[str, Progress] = {}
        self._roll_calls: list[RollCall] = []

    def answer(self, request: Request, reply: Callable[[Reply], None]) -> None:
        match request:
            case StatusRequest():
                reply(self.status())
            case DirectoryRequest():
                reply(DirectoryReply(self._fleet.directory()))
            case DownRequest():
                reply(Done("stopping"))
                self._shell.stop("asked to by the command line")
            case RestartRequest():
                reply(self.restart(request))
            case ProgressRequest(name):
                progress = self._restarts.get(name) or _unknown()
                reply(ProgressReply(list(progress.lines), progress.over, progress.failed))
            case TokenRequest():
                reply(self.renew(request.name, {request.field: request.value}))
            case ReloadRequest():
                reply(self._reload(request))
            case SteerRequest():
                reply(self._steer(request))
            case ClientsRequest():
                self._shell.begin(self._call_roll(reply))

    def status(self) -> StatusReply:
        now = self._clock.monotonic()
        return StatusReply(
            SupervisorStatus(
                *(os.getpid(), round(now - self._started_at, 3), __version__),
                control_refused_total=self._shell.control_refused_total,
            ),
            self._fleet.status(now),
        )

    def heard(self, message: Clients) -> None:
        """A proxy told who its clients are."""
        for roll_call in self._roll_calls:
            roll_call.heard(message)

    def restart(self, request: RestartRequest) -> Reply:
        """Begin it, or say why not."""
        name = request.name
        process = self._fleet.get(name)
        if process is None:
            return Refused(
                f"no process is named {name!r}; there are: {', '.join(self._fleet.names)}"
            )
        if self._is_under_way(name):
            return Refused(f"{name} is being restarted already")
        if self._is_under_way(RELOAD):
            return Refused("the configuration is being reloaded; try again when it is")
        progress = self._restarts[name] = Progress()
        self._shell.begin(self._restart(process, progress, request))
        return Done(f"restarting {name}")

    def resume(self, old: Managed, new: Managed) -> None:
        """Go on with the restart of one that an earlier supervisor began to replace."""
        progress = self._restarts[old.name] = Progress()
        self._shell.begin(self._resume(old, new, progress))

    async def _resume(self, old: Managed, new: Managed, progress: Progress) -> None:
        logger.info("going on with the restart of %s", old.name)
        await self._restarter.resume(old, new, progress)
        _log(progress)

    async def _restart(self, process: Managed, progress: Progress, request: RestartRequest) -> None:
        """Told in the log, too: a restart may be nobody's command."""
        await self._restarter.restart(
            process, progress, hard=request.hard, timeout_s=request.timeout_s
        )
        _log(progress)

    def _reload(self, request: ReloadRequest) -> Reply:
        busy = next((name for name in self._restarts if self._is_under_way(name)), None)
        if busy is not None and not request.dry_run:
            what = "a reload is" if busy == RELOAD else f"a restart of {busy} is"
            return Refused(f"{what} under way; try again when it is over")
        try:
            new, todo = self._reloader.prepare()
        except UserError as error:
            return Refused(str(error))
        if not request.dry_run:
            progress = self._restarts[RELOAD] = Progress()
            self._shell.begin(
                self._reloader.carry_out(new, todo, progress, timeout_s=request.timeout_s)
            )
        return PlanReply(todo.lines(), len(todo.changes))

    def _is_under_way(self, name: str) -> bool:
        progress = self._restarts.get(name)
        return progress is not None and not progress.over

    def renew(self, name: str, values: Mapping[str, Secret]) -> Reply:
        """New credentials: one that runs is handed over; one that waits for a token is told,
        and goes on."""
        try:
            self._vault.replace(name, values)
            all_values = self._vault.of(name)
        except UserError as error:
            return Refused(str(error))
        process = self._fleet.get(name)
        if process is None or process.lifecycle.state is State.RUNNING or not process.alive:
            return self.restart(RestartRequest(name))
        for one in self._fleet.all_of(name):
            self._shell.tell(one, Credentials(all_values))
        progress = self._restarts[name] = Progress()
        progress.finish(f"{name} goes on with the new {' and '.join(values)}")
        return Done("told")

    def _steer(self, request: SteerRequest) -> Reply:
        process = self._fleet.get(request.name)
        if process is None or not process.stats.get("steerable"):
            names = [p.name for p in self._fleet if p.stats.get("steerable")]
            there_are = f"there are: {', '.join(names)}" if names else "none runs"
            return Refused(f"no replay is named {request.name!r}; {there_are}")
        if not self._shell.tell(process, Steer(request.action, request.value)):
            return Refused(f"{request.name} does not listen")
        return Done("told")

    async def _call_roll(self, reply: Callable[[Reply], None]) -> None:
        asked = [
            (proxy.name, proxy.lifecycle.generation)
            for proxy in self._fleet.of("proxy")
            if proxy.alive and self._shell.tell(proxy, ListClients())
        ]
        roll_call = RollCall(asked)
        self._roll_calls.append(roll_call)
        await self._shell.until(lambda: roll_call.complete, ANSWER_WAIT_S)
        self._roll_calls.remove(roll_call)
        reply(roll_call.reply())


def _log(progress: Progress) -> None:
    if progress.failed:
        logger.warning("%s", "; ".join(progress.lines[-2:]))
    else:
        logger.info("%s", progress.lines[-1])


def _unknown() -> Progress:
    """Whoever asks began it with a supervisor that has died since."""
    progress = Progress()
    progress.finish("the supervisor was replaced meanwhile; see `status`", failed=True)
    return progress
