"""A running adapter's instruments: at once from a copy, anew every day, whatever happens."""

import asyncio
import contextlib
from datetime import datetime, time
from random import Random

import pytest

from adapters.errors import InstrumentsError
from adapters.instruments import keeper as keeping
from adapters.instruments.file import MasterFile
from adapters.instruments.keeper import Hooks, Keeper
from adapters.symbols import Instrument
from bus.market.hours import IST


class FakeClock:
    def __init__(self):
        self.now = datetime(2025, 11, 18, 12, 0, tzinfo=IST).timestamp()

    def unix_ns(self):
        return int(self.now * 1e9)

    def monotonic(self):
        return self.now


class FakeOrigin:
    text = "here"
    stamp = ""
    may_recover = True
    shrinks = False

    def __init__(self):
        self.symbols = ["A"]
        self.asked = 0

    def rows(self, progress):
        self.asked += 1
        if not self.symbols:
            raise InstrumentsError("the server is down")
        return iter([Instrument("NSE", symbol, symbol) for symbol in self.symbols])


class World:
    def __init__(self, folder):
        self.file = MasterFile(folder, "zerodha")
        self.clock = FakeClock()
        self.origin = FakeOrigin()
        self.books = []
        self.troubles = []

    @contextlib.asynccontextmanager
    async def keeper(self):
        keeper = Keeper(
            self.file,
            lambda: self.origin,
            at=time(8, 35),
            hooks=Hooks(self.books.append, self.troubles.append),
            clock=self.clock,
            random=Random(1),
        )
        await keeper.begin()
        task = asyncio.create_task(keeper.run())
        try:
            yield keeper
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "LOOK_S", 0.01)
    monkeypatch.setattr(keeping, "BACKOFF_CAP_S", 0.01)
    return World(tmp_path)


def symbols(keeper):
    return [] if keeper.book is None else [i.symbol for i in keeper.book]


def test_the_first_time_it_is_waited_for(world, eventually):
    async def scenario():
        world.origin.symbols = []
        async with world.keeper() as keeper:
            await eventually(lambda: world.troubles)
            assert world.troubles[0] == "instruments: the server is down"
            assert keeper.book is keeper.age_s is None
            world.origin.symbols = ["A"]
            await eventually(lambda: symbols(keeper) == ["A"])
            assert keeper.age_s == 0

    asyncio.run(scenario())


def test_an_old_copy_serves_while_the_server_is_down(world, eventually):
    async def scenario():
        async with world.keeper() as keeper:
            await eventually(lambda: keeper.book)
        world.clock.now += 86_400
        world.origin.symbols = []
        asked = world.origin.asked
        async with world.keeper() as keeper:
            assert symbols(keeper) == ["A"]
            assert keeper.age_s == 86_400
            await eventually(lambda: keeper.failures_total > 1)
            assert symbols(keeper) == ["A"]
            assert world.origin.asked > asked
            assert world.troubles == []
            world.origin.symbols = ["A", "B"]
            await eventually(lambda: symbols(keeper) == ["A", "B"])

    asyncio.run(scenario())


def test_a_copy_of_today_is_not_fetched_again_and_tomorrow_it_is(world, eventually):
    async def scenario():
        async with world.keeper() as keeper:
            await eventually(lambda: keeper.book)
        async with world.keeper() as keeper:
            await asyncio.sleep(0.05)
            assert world.origin.asked == 1
            world.origin.symbols = ["A", "NEW"]
            world.clock.now += 20.5 * 3600  # 08:30
            await asyncio.sleep(0.05)
            assert world.origin.asked == 1
            world.clock.now += 360
            await eventually(lambda: symbols(keeper) == ["A", "NEW"])
            assert keeper.book.find("NSE", "NEW") == "NEW"
            assert world.origin.asked == 2

    asyncio.run(scenario())


def test_a_copy_that_somebody_else_made_is_taken(world, eventually):
    async def scenario():
        async with world.keeper() as keeper:
            await eventually(lambda: keeper.book)
            world.origin.symbols = ["A", "SYNCED"]
            world.file.adopt(*world.file.make(world.origin, world.clock.now), None).close()
            await eventually(lambda: symbols(keeper) == ["A", "SYNCED"])
            assert world.books[-1] is keeper.book

    asyncio.run(scenario())


def test_a_file_is_read_anew_when_it_changed_and_must_be_there_at_first(world, eventually):
    async def scenario():
        world.origin.may_recover = False
        world.origin.symbols = []
        with pytest.raises(InstrumentsError, match="the server is down"):
            async with world.keeper():
                pass
        world.origin.symbols = ["A"]
        world.origin.stamp = "1"
        async with world.keeper() as keeper:
            assert symbols(keeper) == ["A"]
            world.origin.symbols, world.origin.stamp = ["A", "B"], "2"
            await eventually(lambda: symbols(keeper) == ["A", "B"])

    asyncio.run(scenario())


def test_a_simulators_copy_is_checked_at_each_start(world, eventually):
    async def scenario():
        world.origin.shrinks = True
        async with world.keeper() as keeper:
            await eventually(lambda: keeper.book)
        world.origin.symbols = ["OTHER"]
        async with world.keeper() as keeper:
            assert symbols(keeper) == ["A"]
            await eventually(lambda: symbols(keeper) == ["OTHER"])
            await asyncio.sleep(0.03)
            assert world.origin.asked == 2

    asyncio.run(scenario())


def test_new_credentials_are_tried_at_once(world, eventually, monkeypatch):
    monkeypatch.setattr(keeping, "BACKOFF_BASE_S", 600.0)
    monkeypatch.setattr(keeping, "BACKOFF_CAP_S", 600.0)

    async def scenario():
        world.origin.symbols = []
        async with world.keeper() as keeper:
            await eventually(lambda: world.troubles)
            world.origin.symbols = ["A"]
            keeper.hurry()
            await eventually(lambda: keeper.book)

    asyncio.run(scenario())
