"""Processes as the supervisor holds them: its own children, and adopted ones.

Both answer the same questions, so that nothing else needs to know which is which.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, Protocol

import psutil

from bus.process import Bootstrap

#: What a child's environment may hold: nothing that could carry another's credentials.
_KEPT_VARIABLES: Final = (
    "PATH",
    "HOME",
    "USERPROFILE",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "PYTHONUTF8",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
)
_LOG_LIMIT_BYTES: Final = 10 << 20


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

    def usage(self) -> tuple[float, int] | None:
        """CPU in percent of one core since the last call, resident bytes; None if gone."""
        ...


class Child:
    """A process that we spawned."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._observed = Observed(popen.pid)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def create_time(self) -> float:
        return self._observed.create_time

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

    def usage(self) -> tuple[float, int] | None:
        return self._observed.usage()


class Observed:
    """A process that we did not spawn: watched by pid and create time."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process: psutil.Process | None = None
        self.create_time = 0.0
        with contextlib.suppress(psutil.Error):
            self._process = psutil.Process(pid)
            self.create_time = self._process.create_time()
            self._process.cpu_percent()  # the first call only starts the measurement

    def poll(self) -> int | None:
        """Its exit code is its parent's to know; gone counts as ended by a signal."""
        process = self._process
        try:
            if process is None or not process.is_running():
                return -signal.SIGTERM
            return -signal.SIGTERM if process.status() == psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return -signal.SIGTERM

    def terminate(self) -> None:
        self._signal("terminate")

    def abort(self) -> None:
        self._signal("kill")

    def kill(self) -> None:
        self._signal("kill")

    def usage(self) -> tuple[float, int] | None:
        if self._process is None:
            return None
        try:
            return self._process.cpu_percent(), self._process.memory_info().rss
        except psutil.Error:
            return None

    def _signal(self, method: str) -> None:
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                getattr(self._process, method)()


def spawn(module: str, boot: Bootstrap, log: Path) -> Child:
    """Start `python -m module`; settings and secrets go down a private pipe.

    The child is in a session of its own, so that Ctrl-C in our terminal reaches only us, and
    writes to its log file directly, so that it can outlive us.

    Raises:
        OSError: it cannot be started.
    """
    rotate(log)
    with log.open("ab") as output:
        popen = subprocess.Popen(
            # -P: a folder named like one of ours in the user's directory is not imported.
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ},
        )
    assert popen.stdin is not None  # noqa: S101 - we asked for the pipe
    with contextlib.suppress(BrokenPipeError), popen.stdin as pipe:
        pipe.write(boot.line())
    return Child(popen)


def rotate(log: Path) -> None:
    """Keep one older log when it has grown; the file stays the same, so writers go on."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def explain_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


def last_line(log: Path, limit: int = 300) -> str:
    """The last line a process wrote, for its status; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:limit] if lines else ""
