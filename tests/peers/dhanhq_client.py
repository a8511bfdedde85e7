"""Runs in the peer's environment: Dhan's own SDK, unmodified, against a simulator.

    dhanhq_client.py PORT STREAM '[[segment, "id", code], ...]' COUNT

STREAM is feed, depth20, depth200 or orders. Writes what the SDK understood as JSON lines
until it has COUNT ticks of the feed, sides of a book, or orders. The SDK prints to the
standard output itself, so that is turned away meanwhile.
"""

import asyncio
import contextlib
import json
import sys

from dhanhq.fulldepth import FullDepth
from dhanhq.marketfeed import MarketFeed
from dhanhq.orderupdate import OrderUpdate

TIMEOUT_S = 60
TICKS = {"Ticker Data", "Quote Data", "Full Data"}

port, stream, count = sys.argv[1], sys.argv[2], int(sys.argv[4])
instruments = [tuple(instrument) for instrument in json.loads(sys.argv[3])]
url = f"ws://127.0.0.1:{port}"


class Context:
    """What the SDK takes for its login."""

    def get_client_id(self):
        return "client"

    def get_access_token(self):
        return "token"


def read_feed():
    told, ticks = [], 0

    def on_message(feed, message):
        nonlocal ticks
        told.append(message)
        ticks += message["type"] in TICKS
        if ticks >= count:
            feed.close_connection()

    def on_error(_feed, error):
        raise error

    MarketFeed.market_feed_wss = url
    MarketFeed(Context(), instruments, on_message=on_message, on_error=on_error).run()
    return told


def read_depth(levels):
    FullDepth.depth_20_feed_wss = f"{url}/twentydepth"
    FullDepth.depth_200_feed_wss = f"{url}/twohundreddepth"
    feed = FullDepth(Context(), instruments, levels)

    async def read():
        told = []
        await feed.connect()
        while len(told) < count:
            told += [update async for update in feed.get_instrument_data()]
        return told

    return feed.loop.run_until_complete(asyncio.wait_for(read(), TIMEOUT_S))


def read_orders():
    told = []

    async def read():
        client = OrderUpdate(Context())
        client.order_feed_wss = f"{url}/order-update"
        done = asyncio.Event()

        def on_update(update):
            told.append(update)
            if len(told) >= count:
                done.set()

        client.on_update = on_update
        task = asyncio.create_task(client.connect_order_update())
        await asyncio.wait_for(done.wait(), TIMEOUT_S)
        task.cancel()

    asyncio.run(read())
    return told


with contextlib.redirect_stdout(sys.stderr):
    match stream:
        case "feed":
            found = read_feed()
        case "orders":
            found = read_orders()
        case _:
            found = read_depth(int(stream.removeprefix("depth")))
for line in found:
    sys.stdout.write(json.dumps(line) + "\n")
