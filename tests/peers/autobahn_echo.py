"""Our WebSocket server as an echo server, for Autobahn's fuzzing client.

The listening, the connections, the limits' code and the framing of what is sent are the
proxy's own; only what is said is not. Prints its port; ends when standard input does.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.exceptions import ConnectionClosed

from bus.access import LimitSettings
from bus.clock import SystemClock
from bus.market.hours import Calendar
from bus.settings import FailoverSettings, ProxySettings
from proxy.desk import Desk
from proxy.entrance.server import Server
from proxy.fanout.lanes import Lanes
from proxy.fanout.outlet import Outlet
from proxy.protocol.wire import binary_frame, text_frame
from proxy.routing.demand import Demand
from proxy.routing.feeds import Feeds
from proxy.routing.junction import Junction
from proxy.routing.rules import Routing
from proxy.totals import Totals

MANY = 10**6
LARGEST = 16 << 20


class EchoServer(Server):
    async def _serve(self, connection):
        outlet = Outlet(
            connection,
            Totals(),
            soft_bytes=4 * LARGEST,
            hard_bytes=4 * LARGEST,
            on_behind=lambda: None,
            on_slow=connection.transport.abort,
        )
        try:
            async for message in connection:
                text = isinstance(message, str)
                outlet.write(text_frame(message.encode()) if text else binary_frame(message), 1)
        except ConnectionClosed:
            return


async def main():
    demand, feeds, lanes, clock = Demand(None), Feeds(), Lanes(), SystemClock()
    desk = Desk(
        settings=ProxySettings(port=0, max_message_bytes=LARGEST),
        authority=None,
        routing=Routing([]),
        demand=demand,
        feeds=feeds,
        lanes=lanes,
        totals=Totals(),
        clock=clock,
        junction=Junction(
            FailoverSettings(),
            demand=demand,
            feeds=feeds,
            lanes=lanes,
            calendar=Calendar(),
            clock=clock,
        ),
    )
    limits = LimitSettings(
        connections_per_address=MANY,
        handshakes_per_minute=MANY,
        unauthenticated=MANY,
        messages_per_s=MANY,
        message_burst=MANY,
    )
    server = EchoServer(desk, limits)
    sys.stdout.write(await server.start() + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


asyncio.run(main())
