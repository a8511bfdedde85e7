"""A whole adapter between a socket and a subscriber, each in a process of its own.

The replayer sends one recording again and again, as fast as the adapter reads; the subscriber
is a real `bus.Subscriber` that counts what it gets and what is missing. The children are this
file, too: `end_to_end.py replay|count`, one line of JSON in, lines of text out.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import zmq

from bus.clock import SystemClock
from bus.control.messages import PublisherEntry
from bus.control.service import Host
from bus.feed import Feed
from bus.frames import Frame, Kind
from bus.secret import Secret
from bus.settings import AdapterBootstrap, AdapterSettings
from bus.subscriber import Subscriber
from bus.topics import Topic

if TYPE_CHECKING:
    from wire import Recording

SECRET = Secret("bench")
SETTLE_S = 0.5
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Flow:
    """What went through. CPU time of the adapter's whole process, ZeroMQ's thread included."""

    ticks_per_s: float
    adapter_us_per_tick: float
    received: int
    lost: int
    quarantined: int


async def flow(recording: Recording, seconds: float) -> Flow:
    """Measure for some seconds, after everything is subscribed and flows."""
    from adapters.runner import AdapterService  # noqa: PLC0415 - not in the children

    with contextlib.ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        replay = await _child("replay", [f.hex() if isinstance(f, bytes) else f"t{f}"
                                         for f in recording.frames])  # fmt: skip
        port = int(await _line(replay))
        service = AdapterService(
            _host(context),
            AdapterBootstrap(adapter=_settings(recording, port)),
            broker=_fixed(recording),
            random=Random(1),
        )
        endpoint = await service.start()
        topics = [
            Topic.make("bench", row.exchange, row.symbol, recording.mode).text
            for row in recording.instruments
        ]
        count = await _child("count", {"endpoint": endpoint, "topics": topics})
        await _line(count)
        await asyncio.sleep(SETTLE_S)
        before, cpu, begun = service.stats(), time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        after, cpu = service.stats(), time.process_time() - cpu
        elapsed = time.perf_counter() - begun
        await service.stop()
        told = json.loads(await _line(count))
        for child in (replay, count):
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    ticks = _number(after, "ticks_total") - _number(before, "ticks_total")
    return Flow(
        ticks_per_s=round(ticks / elapsed, 0),
        adapter_us_per_tick=round(cpu / max(ticks, 1) * 1e6, 2),
        received=told["received"],
        lost=told["lost"],
        quarantined=_number(after, "quarantined_total"),
    )


def _number(stats: dict[str, Any], name: str) -> int:
    return int(stats[name])


def _host(context: zmq.Context[zmq.Socket[bytes]]) -> Host:
    return Host("bench", 1, SECRET, context, SystemClock(), changed=lambda: None)


def _settings(recording: Recording, port: int) -> AdapterSettings:
    return AdapterSettings(
        url=f"ws://127.0.0.1:{port}",
        credentials=dict(recording.account.credentials),
        instruments=str(Path(__file__)),  # read by `_fixed`
        orders=False,
        symbols_per_connection=100_000,  # the replayer feeds one connection
    )


def _fixed(recording: Recording) -> Any:
    """The broker with the recording's instruments for a master."""
    import msgspec  # noqa: PLC0415 - not in the children

    return msgspec.structs.replace(
        recording.broker, master_reader=lambda _text: iter(recording.instruments)
    )


async def _child(what: str, told: Any) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, what, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps(told).encode() + b"\n")
    return process


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode().strip()


# --- the replayer ---------------------------------------------------------------------------


def replay(lines: list[str]) -> None:
    """Serve one connection after another; plain GETs are answered with this very address."""
    blob = b"".join(map(_frame, lines))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        print(port, flush=True)
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                if _upgraded(connection, port):
                    while not connection.recv(65536):
                        pass  # the first request: what it asks for is what we have
                    while True:
                        connection.sendall(blob)


def _frame(line: str) -> bytes:
    """A server's WebSocket frame of a recorded line."""
    data, opcode = (line[1:].encode(), 0x81) if line[:1] == "t" else (bytes.fromhex(line), 0x82)
    if len(data) < 126:
        return bytes([opcode, len(data)]) + data
    if len(data) < 65536:
        return bytes([opcode, 126]) + len(data).to_bytes(2) + data
    return bytes([opcode, 127]) + len(data).to_bytes(8) + data


def _upgraded(connection: socket.socket, port: int) -> bool:
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    headers = dict(
        line.lower().split(": ", 1) if "key" not in line.lower() else (
            line.split(": ", 1)[0].lower(), line.split(": ", 1)[1])
        for line in request.decode().split("\r\n")[1:] if ": " in line
    )  # fmt: skip
    if "sec-websocket-key" not in headers:
        address = f"ws://127.0.0.1:{port}"
        body = json.dumps(
            {"status": "success", "data": {"authorized_redirect_uri": address}}
        ).encode()
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        return False
    proof = hashlib.sha1((headers["sec-websocket-key"] + _GUID).encode()).digest()  # noqa: S324
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(proof) + b"\r\n\r\n"
    )
    return True


# --- the subscriber -------------------------------------------------------------------------


async def count(told: dict[str, Any]) -> None:
    """Subscribe, say so with the first tick, and count until the stream ends."""
    received = 0
    first, end = asyncio.Event(), asyncio.Event()

    def on_frames(_feed: Feed, frames: list[Frame]) -> None:
        nonlocal received
        for frame in frames:
            if frame.kind == Kind.TICK:
                received += 1
            elif b"end_of_stream" in frame.payload:
                end.set()
        if received:
            first.set()

    with zmq.Context() as context:
        subscriber = Subscriber(context, secret=SECRET, on_frames=on_frames)
        for topic in told["topics"]:
            subscriber.subscribe("bench", topic.encode() + b"\0")
        subscriber.follow([PublisherEntry("bench", 1, told["endpoint"])])
        await asyncio.wait_for(first.wait(), 60)
        print("flows", flush=True)
        await asyncio.wait_for(end.wait(), 600)
        print(json.dumps({"received": received, "lost": subscriber.lost_total}), flush=True)
        subscriber.close()


if __name__ == "__main__":
    settings = json.loads(sys.stdin.readline())
    if sys.argv[1] == "replay":
        replay(settings)
    else:
        asyncio.run(count(settings))
