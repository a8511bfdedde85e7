"""The warm template: a process that has imported everything, and forks children on request.

    python -P -m supervisor.template FD

A child forked here starts in milliseconds and shares the template's memory until it writes to
it. What must not be shared is not here: the template never holds a ZeroMQ context, a thread, a
running event loop, a setting or a credential. It is a single-threaded `select` loop on one
socket, and it ends when that socket does, that is, with its supervisor; its children go on.

Only for systems with `fork`; elsewhere `supervisor.processes.spawning` starts each process afresh.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
import logging
import os
import random
import runpy
import select
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bus import welcome
from bus.control.channel import Sealer
from bus.control.messages import Acknowledge, ToProcess
from bus.logs.chain import configure
from bus.secret import Secret, decode_secret
from bus.settings import (
    AdapterBootstrap,
    MarketDataSettings,
    ProxyBootstrap,
    SimulatorSettings,
)
from supervisor.processes import sharing
from supervisor.processes.births import (
    Born,
    Exited,
    FromTemplate,
    Lines,
    Order,
    Preload,
    Refused,
    ToTemplate,
    Warm,
    encode,
)

logger = logging.getLogger(__name__)

_READ_BYTES: Final = 1 << 16
#: A child's standard input and its log.
DESCRIPTORS: Final = 2
_REGISTRY: Final = "adapters.registry"
_TRUST: Final = "adapters.trust"
_REHEARSAL: Final = "supervisor.processes.rehearsal"
#: What the standard library imports only when it is first used: names of hosts, CSV with a mark.
_LAZY: Final = ("encodings.idna", "encodings.utf_8_sig", "unicodedata")
#: Python specializes code that ran some eight times.
_REHEARSALS: Final = 10


class Birth(NamedTuple):
    """What a new child is to become."""

    order: Order
    stdin: int
    log: int


class Template:
    """Serves orders until the supervisor is gone, or until it finds itself in a child."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lines: Lines[ToTemplate] = Lines(ToTemplate)
        self._descriptors: list[int] = []
        # A signal writes to this pipe, so that `select` wakes for a child that ended.
        self._wake, wake_write = socket.socketpair()
        self._wake_write = wake_write
        for end in (self._wake, wake_write):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)

    def serve(self) -> Birth | None:
        """None: the supervisor is gone. A birth: this is the child now."""
        while True:
            readable, _, _ = select.select([self._control, self._wake], [], [])
            if self._wake in readable:
                self._wake.recv(_READ_BYTES)
                self._reap()
            if self._control not in readable:
                continue
            data, descriptors, _, _ = socket.recv_fds(self._control, _READ_BYTES, 8 * DESCRIPTORS)
            if not data:
                return None
            self._descriptors += descriptors
            for message in self._lines.feed(data):
                birth = self._obey(message)
                if birth is not None:
                    return birth

    def _obey(self, message: ToTemplate) -> Birth | None:
        if isinstance(message, Preload):
            failed = preload(message)
            sharing.settle()
            self._say(Warm(failed))
            return None
        stdin, log = self._descriptors[:DESCRIPTORS]
        del self._descriptors[:DESCRIPTORS]
        answer: FromTemplate
        try:
            pid = os.fork()
        except OSError as error:
            answer = Refused(error.strerror or "no process")
        else:
            if pid == 0:
                self._leave()
                return Birth(message, stdin, log)
            answer = Born(pid)
        os.close(stdin)
        os.close(log)
        self._say(answer)
        return None

    def _leave(self) -> None:
        """In the child: let go of all that is the template's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._control, self._wake, self._wake_write):
            end.close()
        for descriptor in self._descriptors:
            os.close(descriptor)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._say(Exited(pid, os.waitstatus_to_exitcode(status)))

    def _say(self, message: FromTemplate) -> None:
        self._control.sendall(encode(message))


def preload(wanted: Preload) -> list[str]:
    """Import what children will need; what fails is theirs to report, in their own words."""
    failed = []
    for name in [*_LAZY, *_with_mains(wanted.modules)]:
        try:
            importlib.import_module(name)
        except Exception as error:
            logger.exception("%s cannot be imported", name)
            failed.append(f"{name}: {error}")
    for broker in wanted.brokers:
        try:
            importlib.import_module(_REGISTRY).find_any(broker)
        except Exception as error:
            logger.exception("the broker %s cannot be imported", broker)
            failed.append(f"{broker}: {error}")
    if wanted.brokers:
        importlib.import_module(_TRUST).trust()
    for _ in range(_REHEARSALS):
        warm_up()
    if wanted.rehearse:
        _rehearse()
    return failed


def _rehearse() -> None:
    """Ends the process when it goes wrong: the next template is not asked to rehearse."""
    rehearsal = importlib.import_module(_REHEARSAL)
    try:
        rehearsal.rehearse()
    except rehearsal.RehearsalError as error:
        logger.warning("no rehearsal: %s", error)
        logging.shutdown()
        os._exit(1)  # in order would wait for what is left of it


def _with_mains(modules: Iterable[str]) -> Iterator[str]:
    """A package's process is its `__main__`, which imports without running."""
    for module in modules:
        spec = importlib.util.find_spec(module)
        is_package = spec is not None and spec.submodule_search_locations is not None
        yield f"{module}.__main__" if is_package else module


def warm_up() -> None:
    """Do what every child does first, so that it is specialized and cached before the fork.

    Nothing is left of it: the loop is closed, and no settings but these made-up ones were read.
    """
    secret = Secret("rehearsal")
    for kind in (AdapterBootstrap, ProxyBootstrap, MarketDataSettings, SimulatorSettings):
        msgspec.json.Decoder(kind, dec_hook=decode_secret)
    sealer: Sealer[ToProcess] = Sealer(secret, ToProcess)
    sealer.open(sealer.seal(Acknowledge()))
    welcome.make(secret, "rehearsal", 1)
    asyncio.run(_warm_up_loop())


async def _warm_up_loop() -> None:
    for _ in range(_REHEARSALS):
        await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.sleep(0.001), 1.0)


def become(birth: Birth) -> None:
    """In the child: take the place that `python -m module` would have been started in."""
    os.setsid()
    for source, target in ((birth.stdin, 0), (birth.log, 1), (birth.log, 2)):
        os.dup2(source, target)
    os.close(birth.stdin)
    os.close(birth.log)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1, closefd=False)
    sys.stderr = os.fdopen(
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    random.seed()
    _show(birth.order.name)
    gc.enable()
    module = birth.order.module
    for loaded in (f"{module}.__main__", module):  # it is to run, not to be found imported
        if loaded in sys.modules and not hasattr(sys.modules[loaded], "__path__"):
            del sys.modules[loaded]
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _show(name: str) -> None:
    """The name that `top` and `ps -o comm` show, where the system has a file for it."""
    try:
        Path("/proc/self/comm").write_text(name, encoding="utf-8")
    except OSError:
        logger.debug("the system shows no names")


def main() -> None:
    gc.disable()  # garbage of imports would be spread over pages that children share
    configure("template", 0)
    birth = Template(socket.socket(fileno=int(sys.argv[1]))).serve()
    if birth is not None:
        become(birth)


if __name__ == "__main__":
    main()
