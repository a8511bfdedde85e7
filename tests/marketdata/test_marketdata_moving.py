"""What one generation of the service knows, the next one knows; between them no tick is lost."""

import asyncio
import http.client
import socket

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bus.events import Rejected
from bus.topics import Mode
from marketdata.api.server import Server, listen
from marketdata.asking import Asking
from marketdata.holds import Wanted
from marketdata.moving.dock import Dock
from marketdata.paper import Paper

INFY = ("NSE", "INFY")


class Notes:
    """In the place of a desk's thread: what it was told."""

    def __init__(self):
        self.prices = []

    def tell(self, ticks):
        self.prices += [tick.ltp for tick, _ in ticks]


class Side:
    """One generation's parts."""

    def __init__(self, one):
        self.one = one
        self.paper = Paper(one.market, Asking(one.market))
        self.dock = Dock(one.market, self.paper, None, None, lambda: True)
        self.notes = Notes()

    def tick(self, price, sequence):
        self.one.tick(price, mode=Mode.DEPTH, sequence=sequence)


def test_last_values_and_demand_go_on(harness):
    async def main():
        old, new = Side(harness()), Side(harness())
        old.one.tick(100.0)
        old.one.tick(7.0, symbol="TCS", mode=Mode.QUOTE)
        new.one.clock.now_s += 1
        new.one.tick(101.0)  # came to the new one first: it is newer
        refusal = Rejected("B_NSE_X_DEPTH", "MODE_NOT_SUPPORTED", "no depth")
        old.one.market.holds.refused(refusal, 0.0)
        old.one.market.holds.lease(Wanted("a", "NSE", "TCS", Mode.QUOTE), 10.0, 60.0)
        old.paper.open(old.notes, [INFY])
        for frames in old.dock.values():
            new.one.market.values.restore(frames)
        new.dock.take_needs(old.dock.needs(30.0), now=5.0)
        values = new.one.market.values
        assert {e.symbol: e.track.price for e in values} == {"INFY": 101.0, "TCS": 7.0}
        assert values.ticks_total == 1
        assert new.one.market.holds.leased() == [(Wanted("a", "NSE", "TCS", Mode.QUOTE), 45.0)]
        assert new.one.market.holds.refusals() == [refusal]
        assert new.one.bus.wanted == old.one.bus.wanted
        assert new.paper.instruments == {INFY}

    asyncio.run(main())


def test_the_desk_is_told_of_every_tick_by_one_of_the_two(harness):
    async def main():
        old, new = Side(harness()), Side(harness())
        old.paper.open(old.notes, [INFY])
        for side in (old, new):
            side.tick(100.0, 1)
        new.dock.take_needs(old.dock.needs(0.0), now=0.0)
        for sequence, price in enumerate([101.0, 102.0], 2):
            old.tick(price, sequence)
        new.tick(101.0, 2)  # it reads a little behind
        positions = old.dock.positions()
        old.paper.keep()
        old.paper.close()
        old.tick(103.0, 4)
        new.paper.resume({one.topic: (one.generation, one.sequence) for one in positions})
        new.paper.open(new.notes, [INFY])
        for sequence, price in enumerate([102.0, 103.0, 104.0], 3):
            new.tick(price, sequence)
        assert old.notes.prices == [100.0, 101.0, 102.0]
        assert new.notes.prices == [103.0, 104.0]
        # Had the new one not come up, the old one would have gone on as well.
        old.paper.open(old.notes, [INFY])
        old.tick(104.0, 5)
        assert old.notes.prices == [100.0, 101.0, 102.0, 103.0, 104.0]

    asyncio.run(main())


def test_a_server_stands_still_between_two_requests_and_another_goes_on():
    """The second request is sent while nobody reads, on a connection that changes hands."""
    held = asyncio.Event()

    def app(name):
        async def slow(_request):
            await held.wait()
            return PlainTextResponse("slow " + name)

        async def quick(_request):
            return PlainTextResponse(name)

        return Starlette(routes=[Route("/slow", slow), Route("/quick", quick)])

    def get(connection, path):
        connection.request("GET", path)
        return connection.getresponse().read().decode()

    async def main():
        old, new = Server(app("old")), Server(app("new"))
        old.start()
        new.start()
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        await old.accept(listener)
        kept, busy, late = (http.client.HTTPConnection("127.0.0.1", port) for _ in range(3))
        assert await asyncio.to_thread(get, kept, "/quick") == "old"
        waiting = asyncio.create_task(asyncio.to_thread(get, busy, "/slow"))
        while old.pause():
            await old.proceed()
            await asyncio.sleep(0.01)
        assert not old.accepts
        asked = [asyncio.create_task(asyncio.to_thread(get, one, "/quick")) for one in (kept, late)]
        await asyncio.sleep(0.05)
        held.set()
        assert await waiting == "slow old"
        while not old.pause():
            await asyncio.sleep(0.01)
        still = old.still()
        assert len(still) == 2
        await new.accept(socket.socket(fileno=old.lent.dup().detach()))
        for connection in still:
            await new.adopt(connection.copy())
            connection.let_go()
        assert await asyncio.gather(*asked) == ["new", "new"]
        assert await asyncio.to_thread(get, busy, "/slow") == "slow new"
        for one in (kept, busy, late):
            one.close()
        await old.stop()
        await new.stop()

    asyncio.run(main())
