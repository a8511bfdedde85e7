"""The supervisor, as the console asks it: through the same door as the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from bus.control.channel import ask
from bus.control.messages import Refused, Reply, Request
from bus.errors import StreamError, UnreachableError
from bus.secret import Secret

R = TypeVar("R", bound=Reply)


class RefusedError(StreamError):
    """The supervisor understood and will not; its text says why."""


class _Run(Struct):
    """What of `run.json` is needed here."""

    commands: str


class Supervisor:
    """Asks in a thread: an answer may take a moment, and the pages go on meanwhile."""

    def __init__(self, run_file: Path, secret: Secret) -> None:
        self._run_file = run_file
        self._secret = secret

    async def ask(self, request: Request, expect: type[R], timeout_s: float = 4.0) -> R:
        """Its answer.

        Raises:
            UnreachableError: nobody supervises, or it does not answer.
            RefusedError: it will not.
        """
        reply = await asyncio.to_thread(self._ask, request, timeout_s)
        if isinstance(reply, Refused):
            raise RefusedError(reply.message)
        if not isinstance(reply, expect):
            raise UnreachableError("an answer of another kind")
        return reply

    def _ask(self, request: Request, timeout_s: float) -> Reply:
        """Its address is looked up each time: another supervisor may have taken over."""
        try:
            run = msgspec.json.decode(self._run_file.read_bytes(), type=_Run)
        except (OSError, msgspec.DecodeError):
            raise UnreachableError("no supervisor is running") from None
        return ask(run.commands, self._secret, request, timeout_s)
