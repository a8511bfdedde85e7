"""Candles out of this system's own recordings: asks `recording.history`, a process of its own.

Reading a day of ticks takes a core for seconds, and neither a tick nor an order may wait for it.
One question is answered at a time, a few may wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
_LINE_BYTES: Final = 1 << 28


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
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    line = msgspec.json.encode(question) + b"\n"
    try:
        async with asyncio.timeout(question.limit_s + _GRACE_S):
            told, errors = await process.communicate(line)
    except TimeoutError:
        raise BrokenError("the recordings were not read in time") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        return msgspec.json.decode(told, type=Answer)
    except msgspec.DecodeError:
        logger.exception("reading recordings failed: %s", errors.decode(errors="replace"))
        raise BrokenError("the recordings could not be read; the log says why") from None
