"""nats-server, one or a cluster of them, on loopback, from an environment of its own."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

import peer_env

START_S = 30.0


def free_ports(count: int) -> list[int]:
    """nats-server takes port numbers only."""
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


class NatsServer:
    """One server with JetStream; it can be killed and started again with what it stored."""

    def __init__(
        self, folder: Path, name: str, port: int, more: str = "", host="127.0.0.1", domain=""
    ):
        self.name, self.port, self.host = name, port, host
        self.url = f"nats://{host}:{port}"
        self._folder = folder / name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._configuration = self._folder / "nats.conf"
        self._configuration.write_text(
            f'server_name: {name}\nlisten: "{host}:{port}"\n'
            f'jetstream {{ store_dir: "{self._folder / "store"}", max_file: 50G, max_mem: 512M '
            f"{f', domain: {domain}' if domain else ''} }}\n"
            f"{more}\n"
        )
        self._prefix: list[str] = []
        self.process = None

    def inside(self, *prefix: str) -> "NatsServer":
        """Start it by way of another program, such as `ip netns exec NAME`."""
        self._prefix = list(prefix)
        return self

    def start(self, *, wait: bool = True) -> "NatsServer":
        binary = peer_env.peer_python("nats").with_name("nats-server")
        log = self._folder / "nats.log"
        self.process = subprocess.Popen(
            [*self._prefix, str(binary), "-c", str(self._configuration), "-l", str(log)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if wait:
            self.wait()
        return self

    def wait(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection((self.host, self.port), 1).close()
                return
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def kill(self) -> None:
        """As a machine that loses its power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def log(self) -> str:
        with contextlib.suppress(OSError):
            return (self._folder / "nats.log").read_text()[-3000:]
        return "no log"


def cluster(folder: Path, count: int = 3) -> list[NatsServer]:
    """Servers that form a cluster, started."""
    ports, routes = free_ports(count), free_ports(count)
    others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    servers = [
        NatsServer(
            folder,
            f"n{n}",
            ports[n],
            f'cluster {{ name: c, listen: "127.0.0.1:{routes[n]}", routes: [{others}] }}',
        ).start(wait=False)
        for n in range(count)
    ]
    for server in servers:
        server.wait()
    return servers
