"""What it costs to read a message from ZeroMQ: in one part or two, drained or with zmq.asyncio.

One process publishes as fast as it can, this one reads; the figure is this process's CPU time,
ZeroMQ's thread included, per message.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable

import zmq
import zmq.asyncio

from bus.drain import Drain

PAYLOAD = b"x" * 120
TOPIC = b"ZERODHA_NSE_RELIANCE_LTP\0"


def publish(port: int, parts: int, count: int) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(f"tcp://127.0.0.1:{port}")
        message = [TOPIC + PAYLOAD] if parts == 1 else [TOPIC, PAYLOAD]
        for _ in range(count):
            socket.send_multipart(message)


async def drained(socket: zmq.Socket[bytes], parts: int, count: int) -> None:
    done, seen = asyncio.Event(), 0

    def on_batch(batch: list[object]) -> None:
        nonlocal seen
        seen += len(batch)
        if seen >= count:
            done.set()

    drain = Drain(socket, socket.recv if parts == 1 else socket.recv_multipart, on_batch)
    await done.wait()
    drain.close()


async def with_asyncio(socket: zmq.Socket[bytes], parts: int, count: int) -> None:
    shadow = zmq.asyncio.Socket.from_socket(socket)
    receive = shadow.recv if parts == 1 else shadow.recv_multipart
    for _ in range(count):
        await receive()


Way = Callable[[zmq.Socket[bytes], int, int], Awaitable[None]]


async def measure(way: Way, parts: int, count: int) -> float:
    """Microseconds of CPU per message. PUSH and PULL, which wait and so lose nothing."""
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        sender = multiprocessing.get_context("spawn").Process(
            target=publish, args=(port, parts, count)
        )
        sender.start()
        await asyncio.to_thread(socket.poll)
        began = time.process_time()
        await way(socket, parts, count)
        used = time.process_time() - began
        await asyncio.to_thread(sender.join)
    return used / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    options = parser.parse_args()
    for name, way in (("drained", drained), ("zmq.asyncio", with_asyncio)):
        for parts in (1, 2):
            cost = asyncio.run(measure(way, parts, options.messages))
            print(f"{name:12} {parts} part(s): {cost:6.2f} us per message")


if __name__ == "__main__":
    main()
