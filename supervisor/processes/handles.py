"""Processes as the supervisor holds them: its children, the template's, and adopted ones.

All answer the same questions, so that nothing else needs to know which is which.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Final, Protocol

import psutil

#: What is told of a process whose exit code only its parent could have known.
UNKNOWN_EXIT: Final = -signal.SIGTERM


class Handle(Protocol):
    """A process that is, or was, alive."""

    @property
    def pid(self) -> int: ...

    @property
    def create_time(self) -> float: ...

    def poll(self) -> int | None:
        """Its exit code once it is gone (negative: the signal that ended it), else None."""
        ...

    def terminate(self) -> None: ...

    def abort(self) -> None:
        """End it with a dump of its stacks where the system can."""
        ...

    def kill(self) -> None: ...

    def rss_bytes(self) -> int:
        """Resident memory; 0 if gone."""
        ...

    def usage(self) -> tuple[float, int] | None:
        """CPU in percent of one core since the last call, resident bytes; None if gone."""
        ...


class _Gauge:
    """What a process uses, and when it began."""

    def __init__(self, pid: int) -> None:
        self.process: psutil.Process | None = None
        self.create_time = 0.0
        with contextlib.suppress(psutil.Error):
            self.process = psutil.Process(pid)
            self.create_time = self.process.create_time()
            self.process.cpu_percent()  # the first call only starts the measurement

    def rss_bytes(self) -> int:
        with contextlib.suppress(psutil.Error):
            return 0 if self.process is None else int(self.process.memory_info().rss)
        return 0

    def usage(self) -> tuple[float, int] | None:
        if self.process is None:
            return None
        try:
            return self.process.cpu_percent(), self.process.memory_info().rss
        except psutil.Error:
            return None


class Child:
    """A process that we spawned."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._gauge = _Gauge(popen.pid)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def create_time(self) -> float:
        return self._gauge.create_time

    def poll(self) -> int | None:
        return self._popen.poll()

    def terminate(self) -> None:
        self._popen.terminate()

    def abort(self) -> None:
        if sys.platform == "win32":
            self._popen.kill()
        else:
            self._popen.send_signal(signal.SIGCONT)  # a stopped process handles no signal
            self._popen.send_signal(signal.SIGABRT)

    def kill(self) -> None:
        self._popen.kill()

    def rss_bytes(self) -> int:
        return self._gauge.rss_bytes()

    def usage(self) -> tuple[float, int] | None:
        return self._gauge.usage()


class Observed:
    """A process whose parent we are not: held by a pidfd, else by pid and create time."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._gauge = _Gauge(pid)
        self._gone = self._gauge.process is None
        self._pidfd = None if self._gone else _open_pidfd(pid)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def create_time(self) -> float:
        return self._gauge.create_time

    def watch(self, on_exit: Callable[[], None]) -> None:
        """Call `on_exit` as soon as it ends, where the system can tell; `poll` tells anywhere."""
        if self._pidfd is not None and self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._pidfd, self._ended, on_exit)

    def poll(self) -> int | None:
        """Its exit code is its parent's to know; gone counts as ended by a signal."""
        if not self._gone and self._is_over():
            self._let_go()
        return UNKNOWN_EXIT if self._gone else None

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def abort(self) -> None:
        if sys.platform == "win32":
            self.kill()
        else:
            self._signal(signal.SIGCONT)  # a stopped process handles no signal
            self._signal(signal.SIGABRT)

    def kill(self) -> None:
        if sys.platform == "win32":
            self._signal(signal.SIGTERM)
        else:
            self._signal(signal.SIGKILL)

    def rss_bytes(self) -> int:
        return self._gauge.rss_bytes()

    def usage(self) -> tuple[float, int] | None:
        return self._gauge.usage()

    def _is_over(self) -> bool:
        if self._pidfd is not None:
            return bool(select.select([self._pidfd], [], [], 0)[0])
        process = self._gauge.process
        try:
            return (
                process is None
                or not process.is_running()
                or process.status() == psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return True

    def _ended(self, on_exit: Callable[[], None]) -> None:
        self._let_go()
        on_exit()

    def _let_go(self) -> None:
        self._gone = True
        if self._pidfd is not None:
            if self._loop is not None:
                self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    def _signal(self, number: int) -> None:
        """Never to a bare pid, which might be another's by now."""
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if self._pidfd is not None and sys.platform == "linux":
                signal.pidfd_send_signal(self._pidfd, number)
            elif not self._gone and self._gauge.process is not None:
                self._gauge.process.send_signal(number)


class Forked(Observed):
    """A child of the template: the template tells its exit code, while there is one."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self._code: int | None = None
        self._orphan = False

    def poll(self) -> int | None:
        if self._code is not None:
            return self._code
        return super().poll() if self._orphan else None

    def exited(self, code: int) -> None:
        """The template has reaped it."""
        self._code = code
        self._let_go()

    def orphaned(self, on_exit: Callable[[], None]) -> None:
        """The template is gone: from now on it is watched like an adopted process."""
        self._orphan = True
        self.watch(on_exit)


def _open_pidfd(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError):
        return os.pidfd_open(pid)
    return None


def explain_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
