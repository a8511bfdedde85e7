"""What becomes of clients when one of the two proxies fails while they move, and of those that
cannot move."""

import asyncio
import contextlib
import socket

import pytest
from certificates import issue, settings, trusting
from successor import Successor
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.protocol import State

from bus.moving import dialogue
from bus.moving.link import close_all
from bus.moving.passing import can_pass_sockets
from proxy.moving.messages import Commit, Listener, Offer, Positions, Wanted

pytestmark = pytest.mark.skipif(not can_pass_sockets(), reason="no SCM_RIGHTS here")

CLIENTS = 20
BATCH = 16


class Ticking:
    """Numbers the ticks of one symbol, and looks at what clients got of them."""

    def __init__(self, bench):
        self.bench = bench
        self.count = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self):
        while True:
            self.count += 1
            self.bench.adapter.tick(ltp=self.count)
            await asyncio.sleep(0.002)

    async def end(self, clients):
        """How many of these got every number once, in order; the others were closed, and had all
        up to then."""
        await asyncio.sleep(0.05)
        self._task.cancel()
        whole = 0
        for client in clients:
            seen = []
            with contextlib.suppress(ConnectionClosed):
                while len(seen) < self.count:
                    seen.append((await client.receive())["data"]["ltp"])
                whole += 1
            assert seen == list(range(1, len(seen) + 1))
        return whole


async def crowd(bench):
    clients = [await bench.client() for _ in range(CLIENTS)]
    for client in clients:
        await client.subscribe()
    return clients, Ticking(bench)


async def die(new):
    """As the process would: nothing of it is left."""
    await new.service.stop()
    new.failures.clear()


def fails_at(new, kind):
    """Let the new proxy end when it is told something of this kind."""
    obey = new.service._arrival._obey

    async def until_then(message, descriptors):
        if type(message) is kind:
            close_all(descriptors)
            raise ValueError("a defect")
        return await obey(message, descriptors)

    new.service._arrival._obey = until_then


@pytest.mark.parametrize("kind", [Wanted, Positions, Listener, Offer])
def test_a_new_proxy_that_fails_costs_nobody_anything(moving, kind, tmp_path):
    async def scenario():
        async with moving() as (bench, new):
            clients, ticking = await crowd(bench)
            fails_at(new, kind)
            stats = await new.take_over()
            await die(new)
            assert (stats["handover"], stats["handover_moved"]) == ("failed", 0)
            assert "gone" in stats["handover_why"]
            late = await bench.client()
            assert (await late.subscribe("TCS"))["status"] == "success"
            # And the next attempt is like a first one.
            third = await Successor(bench, tmp_path).start()
            assert (await third.take_over())["handover_moved"] == CLIENTS + 1
            assert await ticking.end(clients) == CLIENTS
            await third.service.stop()

    asyncio.run(scenario())


def test_who_had_moved_to_a_new_proxy_that_fails_is_closed_and_the_rest_stays(moving):
    async def scenario():
        async with moving() as (bench, new):
            clients, ticking = await crowd(bench)
            fails_at(new, Commit)
            stats = await new.take_over()
            await die(new)
            assert (stats["handover"], stats["handover_moved"]) == ("failed", BATCH)
            assert bench.service.clients()[1] == CLIENTS - BATCH
            assert await ticking.end(clients) == CLIENTS - BATCH
            await bench.client()

    asyncio.run(scenario())


def test_a_new_proxy_that_says_nothing_is_not_waited_for(moving, monkeypatch):
    monkeypatch.setattr(dialogue, "ANSWER_S", 0.2)

    async def scenario():
        async with moving() as (bench, new):
            clients, ticking = await crowd(bench)

            async def hang(*_):
                await asyncio.Event().wait()

            new.service._arrival._activate = hang
            stats = await new.take_over()
            await die(new)
            assert stats["handover"] == "failed"
            assert "did not answer" in stats["handover_why"]
            assert await ticking.end(clients) == CLIENTS - BATCH

    asyncio.run(scenario())


def test_an_old_proxy_that_dies_leaves_behind_who_has_moved(moving):
    """The others are closed, those on their way too: nobody waits for a word that never comes."""

    async def scenario():
        async with moving() as (bench, new):
            clients, ticking = await crowd(bench)
            say = None
            offers = 0
            dead = asyncio.Event()

            def until_the_second_offer(message, descriptors=()):
                nonlocal offers
                say(message, descriptors)
                offers += isinstance(message, Offer)
                if offers == 2:
                    bench.service._departing.cancel()
                    departure._dialogue.close()
                    for _, sock in departure._ferry._on_way.values():
                        sock.close()
                    dead.set()

            new.begin()
            departure = bench.service._departure
            talk = departure._dialogue
            say, talk.say = talk.say, until_the_second_offer
            await dead.wait()
            await bench.service._server.stop()
            await bench.until(lambda: new.service._arrival.over)
            assert new.service.stats()["arrived"] == BATCH
            assert await ticking.end(clients) == BATCH
            assert (await (await bench.client()).subscribe("TCS"))["status"] == "success"

    asyncio.run(scenario())


def test_strangers_at_the_meeting_place_are_not_heard(moving):
    async def scenario():
        async with moving() as (bench, new):
            clients, ticking = await crowd(bench)
            with socket.socket(socket.AF_UNIX) as stranger, socket.socket(socket.AF_UNIX) as silent:
                silent.connect(new.path)
                stranger.connect(new.path)
                stranger.sendall(b"\0\0\0\x08nonsense")
                await asyncio.sleep(0.05)
                assert (await new.take_over())["handover_moved"] == CLIENTS
            assert await ticking.end(clients) == CLIENTS

    asyncio.run(scenario())


def test_tls_connections_are_let_go_one_by_one_and_find_the_next_proxy(moving, tmp_path):
    """Broken off, without a closing handshake: after one, OpenAlgo's pages stay disconnected."""
    issue(tmp_path, "localhost")
    trusted = trusting(tmp_path)

    async def scenario():
        async with moving(drain_s=1.0, **settings(tmp_path)) as (bench, new):
            clients = [await bench.client(ssl=trusted) for _ in range(4)]
            for client in clients:
                await client.subscribe()
            still_there = []

            async def live_through(client):
                with pytest.raises(ConnectionClosedError) as closed:
                    await client.receive_all()
                assert closed.value.rcvd is None
                still_there.append(sum(c.connection.state is State.OPEN for c in clients))
                back = await bench.client(ssl=trusted)
                assert (await back.subscribe())["status"] == "success"

            living = [asyncio.create_task(live_through(client)) for client in clients]
            stats = await new.take_over()
            await asyncio.gather(*living)
            assert (stats["handover"], stats["handover_moved"]) == ("done", 0)
            assert still_there == [3, 2, 1, 0]
            assert new.service.clients()[1] == 4

    asyncio.run(scenario())
