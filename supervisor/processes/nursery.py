"""The supervisor's end of the warm template: orders children, hears of their ends.

The template is one process of `supervisor.processes.template`. Should it die or fall silent, its
children live on and are watched like adopted ones, a new template is started, and until that one
is warm processes are started plainly: nothing depends on it but speed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from bus.backoff import Backoff
from bus.clock import Clock
from bus.control.bootstrap import Bootstrap
from supervisor.processes.births import (
    Born,
    Exited,
    FromTemplate,
    Lines,
    Order,
    Preload,
    Refused,
    Warm,
)
from supervisor.processes.births import encode as encode_birth
from supervisor.processes.handles import Forked, Handle
from supervisor.processes.logfiles import rotate
from supervisor.processes.spawning import PlainSpawner, clean_environment, command

logger = logging.getLogger(__name__)

#: A warm template answers in milliseconds; one that does not is stopped or swapped out.
_ANSWER_S: Final = 2.0
_READ_BYTES: Final = 1 << 16


class TemplateGoneError(Exception):
    """It died, or it does not answer."""


class Nursery:
    """Implements `spawning.Spawner`. Used inside a running event loop."""

    def __init__(
        self, preload: Preload, log: Path, *, on_exit: Callable[[], None], clock: Clock
    ) -> None:
        self._preload = preload
        self._log = log
        self._on_exit = on_exit
        self._clock = clock
        self._plain = PlainSpawner()
        self._backoff = Backoff()
        self._children: dict[int, Forked] = {}
        self._template: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._answers: list[FromTemplate] = []
        self._again: asyncio.TimerHandle | None = None
        self.warm = False

    @property
    def pid(self) -> int | None:
        """The template's."""
        return self._template.pid if self._template is not None else None

    def start(self) -> None:
        """Begin to warm a template up."""
        self._again = None
        rotate(self._log)
        ours, its = socket.socketpair()
        try:
            with its, self._log.open("ab") as output:
                self._template = subprocess.Popen(
                    command("-m", "supervisor.processes.template", str(its.fileno())),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(its.fileno(),),
                    start_new_session=True,
                    env=clean_environment(),
                )
        except OSError as error:
            ours.close()
            logger.warning("no template: %s", error)
            self._start_later()
            return
        self._socket = ours
        self._lines: Lines[FromTemplate] = Lines(FromTemplate)
        ours.sendall(encode_birth(self._preload))
        asyncio.get_running_loop().add_reader(ours, self._readable)

    def close(self) -> None:
        """End the template. Children that still live go on."""
        if self._again is not None:
            self._again.cancel()
        self._drop()

    def spawn(self, module: str, boot: Bootstrap, log: Path) -> Handle:
        """Fork it; start it plainly while no template is warm. Raises OSError."""
        if not self.warm:
            return self._plain.spawn(module, boot, log)
        rotate(log)
        stdin, write = os.pipe()
        try:
            with log.open("ab") as output:
                pid = self._order(Order(module, boot.name), [stdin, output.fileno()])
            child = self._children[pid] = Forked(pid)
            with contextlib.suppress(BrokenPipeError):
                _write_all(write, boot.line())
        except TemplateGoneError as error:
            self._lost(str(error))
            return self._plain.spawn(module, boot, log)
        finally:
            os.close(stdin)
            os.close(write)
        self._hear()
        return child

    def _order(self, order: Order, descriptors: list[int]) -> int:
        """The new child's pid; waits for it, which takes a few milliseconds."""
        assert self._socket is not None  # noqa: S101 - it is warm
        try:
            socket.send_fds(self._socket, [encode_birth(order)], descriptors)
            deadline = self._clock.monotonic() + _ANSWER_S
            while True:
                remaining = max(0.0, deadline - self._clock.monotonic())
                if not select.select([self._socket], [], [], remaining)[0]:
                    raise TemplateGoneError(f"no answer within {_ANSWER_S:g} s")
                self._receive()
                for answer in self._answers:
                    if isinstance(answer, Born | Refused):
                        self._answers.remove(answer)
                        if isinstance(answer, Refused):
                            raise OSError(answer.why)
                        return answer.pid
        except (ConnectionError, msgspec.DecodeError) as error:
            raise TemplateGoneError(str(error)) from None

    def _receive(self) -> None:
        """Raises ConnectionError: the template is gone."""
        assert self._socket is not None  # noqa: S101 - it is asked or readable
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError("it ended")
        self._answers += self._lines.feed(data)

    def _readable(self) -> None:
        try:
            self._receive()
        except (ConnectionError, msgspec.DecodeError) as error:
            self._lost(str(error))
            return
        self._hear()

    def _hear(self) -> None:
        """Take what was told beside the answers to orders."""
        told, self._answers = self._answers, []
        for message in told:
            if isinstance(message, Warm):
                self.warm = True
                self._backoff.succeeded(self._clock.monotonic())
                for failed in message.failed:
                    logger.warning("not in the template: %s", failed)
            elif isinstance(message, Exited):
                child = self._children.pop(message.pid, None)
                if child is not None:
                    child.exited(message.code)
        self._on_exit()

    # --- a template that is gone --------------------------------------------------------------

    def _lost(self, why: str) -> None:
        logger.warning("the template is gone (%s); starting another", why)
        if not self.warm:  # it may be what it was asked to do
            self._preload = msgspec.structs.replace(self._preload, rehearse=False)
        self._hear()
        self._drop()
        self._start_later()

    def _drop(self) -> None:
        self.warm = False
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._template is not None:
            self._template.kill()
            self._template.wait()
            self._template = None
        for child in self._children.values():
            child.orphaned(self._on_exit)
        self._children.clear()

    def _start_later(self) -> None:
        delay_s = self._backoff.failed(self._clock.monotonic())
        self._again = asyncio.get_running_loop().call_later(delay_s, self.start)


def _write_all(descriptor: int, data: bytes) -> None:
    """More than a pipe holds is written as the child reads it."""
    while data:
        data = data[os.write(descriptor, data) :]
