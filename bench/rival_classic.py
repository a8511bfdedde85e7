"""A server for bench/compare.py that does what OpenAlgo's proxy does with a tick.

Written from its description (two ZeroMQ parts read with zmq.asyncio, JSON decoded, then per
client a dict, `json.dumps` and a send task, gathered per tick), not from its code. Standard
input: one line of JSON settings. Standard output: the port.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

import zmq
import zmq.asyncio
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

MODES = {"LTP": 1, "QUOTE": 2, "DEPTH": 3}
clients: dict[tuple[str, str, int], set[ServerConnection]] = {}


async def send(connection: ServerConnection, message: dict[str, object]) -> None:
    try:
        await connection.send(json.dumps(message))
    except ConnectionClosed:
        for connections in clients.values():
            connections.discard(connection)


async def listen(endpoint: str) -> None:
    reader = zmq.asyncio.Context.instance().socket(zmq.SUB)
    reader.set(zmq.RCVHWM, 100_000)
    reader.subscribe(b"")
    reader.connect(endpoint)
    while True:
        topic, payload = await reader.recv_multipart()
        exchange, symbol, mode = topic.decode().split("_")
        data = json.loads(payload)
        number = MODES[mode]
        tasks = [
            send(
                connection,
                {
                    "type": "market_data",
                    "symbol": symbol,
                    "exchange": exchange,
                    "mode": number,
                    "data": dict(data),
                    "broker": "bench",
                },
            )
            for connection in clients.get((symbol, exchange, number), ())
        ]
        await asyncio.gather(*tasks, return_exceptions=True)


async def converse(connection: ServerConnection) -> None:
    async for text in connection:
        request = json.loads(text)
        if request["action"] == "authenticate":
            await connection.send(json.dumps({"type": "auth", "user_id": "bench"}, indent=None))
            continue
        for symbol in request["symbols"]:
            key = (symbol, "NSE", MODES[request["mode"]])
            clients.setdefault(key, set()).add(connection)
        await connection.send(json.dumps({"message": "Subscription processing complete"}))
    for connections in clients.values():
        connections.discard(connection)


async def main() -> None:
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # clients leave as they like
    settings = json.loads(sys.stdin.readline())
    listener = asyncio.create_task(listen(settings["endpoint"]))
    async with serve(converse, "127.0.0.1", 0, backlog=1024, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await listener


asyncio.run(main())
