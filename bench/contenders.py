"""What is compared: our proxy, and three other ways to bring the same ticks to clients.

ours        `python -m proxy` as the supervisor starts it, one process or several on one port
broadcast   `websockets.broadcast`, the library's own fast way, from the same bus
classic     what OpenAlgo's proxy does: zmq.asyncio, JSON per client, a task per client and tick
nats        nats-server with its WebSocket listener, the messages as they are
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from abc import ABC, abstractmethod
from pathlib import Path

from children import HERE, START_S, Child
from control import Control

from bus.access import AccessSettings, LimitSettings, RoleSettings
from bus.control.messages import (
    PublisherEntry,
)
from bus.settings import AdapterEntry, ProxyBootstrap, ProxySettings
from identity.keys import KeyStore

#: The benchmark's clients are many, and come at once from one address.
_MANY = 1_000_000
_ROLE = RoleSettings(symbols=_MANY, connections=_MANY)
_LIMITS = LimitSettings(
    connections_per_address=_MANY, handshakes_per_minute=_MANY, unauthenticated=_MANY
)


class Contender(ABC):
    """A server and the publisher that feeds it. `start`, then `servers` can be measured."""

    name: str
    #: How the clients of fanout_clients.py speak to it.
    dialect = "openalgo"

    def __init__(self) -> None:
        self.servers: list[Child] = []
        self.publisher: Child | None = None
        self.port = 0
        self.key = "none"

    @abstractmethod
    async def start(self, directory: Path, source: dict[str, object]) -> None:
        """`source` are settings of fanout_publisher.py."""

    async def end(self) -> None:
        for child in (*self.servers, self.publisher):
            if child is not None:
                await child.end()

    @property
    def lanes(self) -> int:
        return 0

    def cpu_s(self) -> float:
        return sum(server.cpu_s() for server in self.servers)

    def rss_bytes(self) -> int:
        return sum(server.rss_bytes() for server in self.servers)


class Ours(Contender):
    """`profile` runs the first worker under cProfile into that file."""

    def __init__(self, workers: int = 1, profile: str = "", gather_s: float = 0.0) -> None:
        super().__init__()
        self.name = "ours" if workers == 1 else f"ours, {workers} workers"
        if gather_s:
            self.name += f", gather_s = {gather_s:g}"
        self._gather_s = gather_s
        self._workers = workers
        self._profile = profile
        self._control: Control | None = None

    @property
    def lanes(self) -> int:
        stats = self._control.stats.values() if self._control is not None else ()
        return sum(int(figures["lanes"] or 0) for figures in stats)

    async def start(self, directory: Path, source: dict[str, object]) -> None:
        self._control = control = Control()
        self.publisher = await Child.script(
            "fanout_publisher.py", {**source, "way": "bus", "secret": control.secret.reveal()}
        )
        control.publishers = [PublisherEntry("bench", 1, await self.publisher.hear(), "bench")]
        keys_path = directory / "keys.sqlite3"
        with KeyStore(keys_path) as keys:
            self.key = keys.create("bench", role="bench")
        for number in range(self._workers):
            profiler = ["-m", "cProfile", "-o", self._profile] if self._profile else []
            server, endpoint = await control.start(
                "proxy", f"proxy-{number}", self._settings(str(keys_path)), profiler
            )
            self.servers.append(server)
            self.port = int(endpoint.rpartition(":")[2])

    async def end(self) -> None:
        await super().end()
        if self._control is not None:
            self._control.close()

    def _settings(self, keys_path: str) -> ProxyBootstrap:
        return ProxyBootstrap(
            # The benchmark's clients answer no pings.
            proxy=ProxySettings(
                port=self.port,
                workers=self._workers,
                ping_interval_s=_MANY,
                gather_s=self._gather_s,
            ),
            adapters=[AdapterEntry("bench", "bench")],
            keys_path=keys_path,
            access=AccessSettings(roles={"bench": _ROLE}, limits=_LIMITS),
        )


class Broadcast(Contender):
    name = "websockets.broadcast"

    async def start(self, directory: Path, source: dict[str, object]) -> None:
        secret = secrets.token_hex(16)
        self.publisher = await Child.script(
            "fanout_publisher.py", {**source, "way": "bus", "secret": secret}
        )
        endpoint = await self.publisher.hear()
        server = await Child.script("rival_broadcast.py", {"endpoint": endpoint, "secret": secret})
        self.servers = [server]
        self.port = int(await server.hear())


class Classic(Contender):
    name = "classic"

    async def start(self, directory: Path, source: dict[str, object]) -> None:
        self.publisher = await Child.script("fanout_publisher.py", {**source, "way": "classic"})
        server = await Child.script("rival_classic.py", {"endpoint": await self.publisher.hear()})
        self.servers = [server]
        self.port = int(await server.hear())


class Nats(Contender):
    name = "nats-server"
    dialect = "nats"

    def __init__(self, binary: Path) -> None:
        super().__init__()
        self._binary = binary

    async def start(self, directory: Path, source: dict[str, object]) -> None:
        port, self.port = _free_ports(2)
        configuration = directory / "nats.conf"
        # The limits are those of our proxy where it has such.
        configuration.write_text(
            f"listen: 127.0.0.1:{port}\nwrite_deadline: 10s\nmax_pending: {16 << 20}\n"
            f"max_connections: {_MANY}\n"
            f"websocket {{ listen: '127.0.0.1:{self.port}', no_tls: true, compression: false }}\n"
        )
        server = await Child.start(str(self._binary), "-c", str(configuration), "-l", "/dev/null")
        self.servers = [server]
        await _listening(self.port)
        self.publisher = await Child.script(
            "fanout_publisher.py", {**source, "way": "nats", "port": port}
        )
        await self.publisher.hear()


def nats_binary() -> Path:
    """From an environment of its own, made on first use (tests/peers/nats.txt)."""
    sys.path.insert(0, str(HERE.parent / "tests" / "support"))
    import peer_env  # noqa: PLC0415 - found through the line above

    return peer_env.peer_python("nats").with_name("nats-server")


def _free_ports(count: int) -> list[int]:
    """nats-server takes port numbers only; nothing else on this machine is in a hurry."""
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


async def _listening(port: int) -> None:
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
