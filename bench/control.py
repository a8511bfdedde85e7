"""The supervisor's side of the control plane, for processes that a benchmark starts itself."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Sequence
from typing import Final

import msgspec
import zmq
from children import START_S, Child

from bus.control.bootstrap import Bootstrap
from bus.control.channel import ControlServer
from bus.control.messages import (
    Acknowledge,
    Directory,
    FromProcess,
    Heartbeat,
    Hello,
    PublisherEntry,
    Stats,
)
from bus.secret import Secret, encode_secret
from bus.settings import Role

_PACKAGES: Final[dict[Role, str]] = {"proxy": "proxy", "recorder": "recording"}


class Control:
    """Starts processes as the supervisor does, tells them the publishers, hears their figures.

    Made inside a running event loop.
    """

    def __init__(self) -> None:
        self.secret = Secret(secrets.token_hex(16))
        self.publishers: list[PublisherEntry] = []
        self.stats: dict[str, Stats] = {}
        self._context = zmq.Context()
        self._endpoints: asyncio.Queue[str] = asyncio.Queue()
        self._server = ControlServer(self._context, secret=self.secret, on_message=self._heard)

    async def start(
        self, role: Role, name: str, settings: msgspec.Struct, options: Sequence[str] = ()
    ) -> tuple[Child, str]:
        """A process of a role, when it has said hello; and its endpoint."""
        line = Bootstrap(
            name=name,
            role=role,
            generation=1,
            control=self._server.endpoint,
            secret=self.secret,
            orphan_grace_s=30.0,
            settings=msgspec.Raw(msgspec.json.encode(settings, enc_hook=encode_secret)),
        ).line()
        child = await Child.start(sys.executable, *options, "-m", _PACKAGES[role], first_line=line)
        async with asyncio.timeout(START_S):
            return child, await self._endpoints.get()

    def close(self) -> None:
        self._server.close()
        self._context.term()

    def _heard(self, identity: bytes, message: FromProcess) -> None:
        self._server.send(identity, Acknowledge())
        if isinstance(message, Hello):
            self._server.send(identity, Directory(self.publishers))
            self._endpoints.put_nowait(message.endpoint)
        elif isinstance(message, Heartbeat):
            self.stats[message.name] = message.stats
