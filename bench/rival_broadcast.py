"""A server for bench/compare.py: the same bus, and `websockets.broadcast` per tick.

The message is built once per tick, as in our proxy; what differs is that each tick is a write
per client. Standard input: one line of JSON settings. Standard output: the port.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

import zmq
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bus.control.messages import PublisherEntry
from bus.feed import Feed
from bus.frames import Frame
from bus.secret import Secret
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic

clients: dict[str, set[ServerConnection]] = {}


def on_frames(_feed: Feed, frames: list[Frame]) -> None:
    for frame in frames:
        symbol = Topic.parse(frame.topic.decode()).symbol
        message = (
            f'{{"type":"market_data","symbol":"{symbol}","exchange":"NSE","mode":1,'
            f'"data":{frame.payload.decode()},"broker":"bench","topic":"{symbol}.NSE"}}'
        )
        broadcast(clients.get(symbol, ()), message)


async def main() -> None:
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # clients leave as they like
    settings = json.loads(sys.stdin.readline())
    context = zmq.Context()
    subscriber = Subscriber(context, secret=Secret(settings["secret"]), on_frames=on_frames)
    subscriber.follow([PublisherEntry("bench", 1, settings["endpoint"])])

    async def converse(connection: ServerConnection) -> None:
        async for text in connection:
            request = json.loads(text)
            if request["action"] == "authenticate":
                await connection.send('{"type":"auth","user_id":"bench"}')
                continue
            mode = Mode[request["mode"]]
            for symbol in request["symbols"]:
                if symbol not in clients:
                    clients[symbol] = set()
                    topic = Topic.make("bench", "NSE", symbol, mode)
                    subscriber.subscribe("bench", topic.wire)
                clients[symbol].add(connection)
            await connection.send('{"message":"Subscription processing complete"}')
        for connections in clients.values():
            connections.discard(connection)

    async with serve(
        converse, "127.0.0.1", 0, compression=None, backlog=1024, ping_interval=None
    ) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
