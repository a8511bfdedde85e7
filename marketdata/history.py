"""Candles out of this system's own recordings: asks `recording.history`, a process of its own.

Reading a day of ticks takes a core for seconds, and neither a tick nor an order may wait for it.
One question is answered at a time, a few may wait.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import Final

import msgspec

from bus.errors import StreamError
from recording.questions import Answer, Question

logger = logging.getLogger(__name__)

#: How long one question may be read for, in seconds of its process; less than clients wait.
READ_S: Final = 60.0
#: How much longer its process may live.
_GRACE_S: Final = 10.0
#: Questions at a time, the one that is read and those that wait for it.
_MOST: Final = 4
_COMMAND: Final = (sys.executable, "-P", "-m", "recording.history")


class BusyError(StreamError):
    """Too many questions wait."""


class BrokenError(StreamError):
    """The process that reads did not answer."""


class Historian:
    """One per process."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._turn = asyncio.Lock()
        self._asked = 0

    async def ask(self, question: Question) -> Answer:
        """Raises BusyError, BrokenError."""
        if self._asked >= _MOST:
            raise BusyError(f"{_MOST} questions about the past are being answered; ask again later")
        self._asked += 1
        try:
            async with self._turn:
                return await _read(question)
        finally:
            self._asked -= 1


async def _read(question: Question) -> Answer:
    reader = _Reader()
    line = msgspec.json.encode(question) + b"\n"
    try:
        told, errors = await asyncio.to_thread(reader.run, line, question.limit_s + _GRACE_S)
    except subprocess.TimeoutExpired:
        raise BrokenError("the recordings were not read in time") from None
    finally:
        reader.end()
    try:
        return msgspec.json.decode(told, type=Answer)
    except msgspec.DecodeError:
        logger.exception("reading recordings failed: %s", errors.decode(errors="replace"))
        raise BrokenError("the recordings could not be read; the log says why") from None


class _Reader:
    """The process, waited for in a thread: not every event loop can wait for one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def run(self, line: bytes, timeout_s: float) -> tuple[bytes, bytes]:
        """What it says and complains of. Raises TimeoutExpired."""
        pipe = subprocess.PIPE
        with subprocess.Popen(_COMMAND, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            self._process = process
            if self._is_over:  # nobody waits any more
                process.kill()
            try:
                return process.communicate(line, timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise

    def end(self) -> None:
        """Of the event loop: whoever asked waits no more."""
        self._is_over = True
        if self._process is not None:
            self._process.kill()
