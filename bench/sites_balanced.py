"""Two sites, a proxy each, behind nginx, beside one without; then one of them ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import websockets
from instance import Instance, free_port
from joserfc import jwt
from joserfc.jwk import OctKey
from sites_through import SYMBOLS, any_port
from two_sites import here, there

from bus.control.messages import ProcessStatus


def balanced(root: Path, url: str, count: int, seconds: float) -> None:
    """Two sites, a proxy each, behind nginx; then one of them ends.

    Clients log in with tokens that both sites believe.
    """
    if shutil.which("nginx") is None:
        print("no nginx: the load balancer is left out")
        return
    secret = secrets.token_hex(32)
    token = jwt.encode(
        {"alg": "HS256"}, {"sub": "bench", "exp": int(time.time()) + 3600}, _key(secret)
    )
    far_config = (
        f"[jwt]\nsecret = {json.dumps(secret)}\n[limits]\nhandshakes_per_minute = 60000\n"
        "[proxy]\nport = 0\ntrusted_proxies = ['127.0.0.1']\n" + there(url)
    )
    home_config = any_port(here(url, nats='flow = "demand"', rate=500))
    with Instance(home_config) as home, Instance(far_config) as one:
        other = Instance(far_config)
        try:
            for each in (home, one, other):
                each.wait_until_running()
            sites = [each.process("proxy") for each in (one, other)]
            ports = [int(site.endpoint.rpartition(":")[2]) for site in sites]
            with nginx(root, ports) as port:
                for name, where in (("one proxy", ports[0]), ("nginx, two proxies", port)):
                    asyncio.run(crowd(name, where, token, count, seconds, lambda: None, sites))
                asyncio.run(crowd("one of two ends", port, token, count, seconds, other.close, []))
        finally:
            other.close()


def _key(secret: str) -> OctKey:
    return OctKey.import_key(secret)


@contextlib.contextmanager
def nginx(root: Path, ports: list[int]) -> Iterator[int]:
    """The configuration that docs/scaling.md shows."""
    port, folder = free_port(), root / "nginx"
    folder.mkdir()
    servers = "".join(f"server 127.0.0.1:{port};" for port in ports)
    (folder / "nginx.conf").write_text(
        "daemon off; worker_processes 1; pid nginx.pid; error_log error.log;"
        "events { worker_connections 4096; }"
        "http { access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t;"
        "uwsgi_temp_path t; scgi_temp_path t;"
        f"upstream proxies {{ least_conn; {servers} }}"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://proxies;"
        "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
        "proxy_set_header Connection upgrade; proxy_set_header Host $host;"
        "proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off;"
        "proxy_read_timeout 1h; } } }"
    )
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(20)


async def crowd(
    name: str,
    port: int,
    token: str,
    count: int,
    seconds: float,
    meanwhile: Callable[[], None],
    sites: list[ProcessStatus],
) -> None:
    """Clients that connect again when their connection ends."""
    tallies = [Tally() for _ in range(count)]
    tasks = [asyncio.create_task(tally.listen(port, token)) for tally in tallies]
    while not all(tally.received for tally in tallies):  # noqa: ASYNC110 - many conditions
        await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    for tally in tallies:
        tally.received = tally.missed = 0
        tally.longest_s = 0.0
    processes = [psutil.Process(site.pid) for site in sites if site.pid is not None]
    before = [sum(process.cpu_times()[:2]) for process in processes]
    began = time.perf_counter()
    await asyncio.to_thread(meanwhile)
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    cpus = [sum(p.cpu_times()[:2]) - b for p, b in zip(processes, before, strict=True)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    received = sum(tally.received for tally in tallies)
    moved = [tally for tally in tallies if tally.connections > 1]
    told = ", ".join(f"{cpu / took:.0%}" for cpu in cpus)
    print(
        f"  {name:20} {count} clients, {received / took:8,.0f} deliveries/s, "
        f"{sum(tally.missed for tally in tallies)} missed"
        + (f", CPU of the proxies {told}" if told else "")
        + (f", {len(moved)} clients moved" if moved else "")
        + (
            f", the longest without a tick {max(t.longest_s for t in moved):.1f} s" if moved else ""
        ),
        flush=True,
    )


class Tally:
    """One client: the numbered market says what it missed."""

    def __init__(self) -> None:
        self.received = self.missed = self.connections = 0
        self.longest_s = 0.0
        self._last: dict[str, int] = {}
        self._at = time.perf_counter()

    async def listen(self, port: int, token: str) -> None:
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                async with websockets.connect(f"ws://127.0.0.1:{port}", max_queue=None) as client:
                    await client.send(json.dumps({"action": "authenticate", "api_key": token}))
                    wanted = [{"symbol": s.partition(":")[2], "exchange": "NSE"} for s in SYMBOLS]
                    await client.send(
                        json.dumps({"action": "subscribe", "mode": 1, "symbols": wanted})
                    )
                    self.connections += 1
                    async for text in client:
                        self._take(json.loads(text))
            await asyncio.sleep(0.1)

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("type") != "market_data":
            return
        now, number = time.perf_counter(), round(message["data"]["ltp"])
        self.longest_s = max(self.longest_s, now - self._at)
        self._at = now
        last = self._last.get(message["symbol"], number - 1)
        self.missed += max(0, number - last - 1)
        self._last[message["symbol"]] = number
        self.received += 1
