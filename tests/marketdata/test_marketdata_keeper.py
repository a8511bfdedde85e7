"""What is wrong with the paper accounts' file closes those only, and is tried again."""

import asyncio
import sqlite3
from types import SimpleNamespace

import pytest

from bus.settings import MarketDataBootstrap, MarketDataSettings
from bus.topics import Mode
from marketdata import keeper as keeper_module
from marketdata.api.endpoint import ApiError
from marketdata.asking import Asking
from marketdata.keeper import Keeper
from marketdata.paper import Paper
from marketdata.sandbox.model import OrderRequest

INFY = ("NSE", "INFY")
BUY = OrderRequest(exchange="NSE", symbol="INFY", action="BUY", quantity=1)


@pytest.fixture
def kept(harness, tmp_path, monkeypatch):
    """A keeper over a harness's market, with an instrument file that knows INFY."""
    monkeypatch.setattr(keeper_module, "_RETRY_S", 0.02)
    monkeypatch.setattr(keeper_module, "_LOOK_S", 0.02)
    (tmp_path / "instruments").mkdir()
    with sqlite3.connect(tmp_path / "instruments" / "a.db") as master:
        master.execute(
            "CREATE TABLE instruments (exchange, symbol, lot_size, tick_size, freeze_quantity, "
            "contract_value)"
        )
        master.execute("INSERT INTO instruments VALUES ('NSE', 'INFY', 1, 50000, 0, 0)")
    master.close()

    def make():
        one = harness(first_tick_timeout_s=0.05)
        paper = Paper(one.market, Asking(one.market))
        told = []
        announcer = SimpleNamespace(announce=lambda user, order: told.append((user, order)))
        failed = []
        host = SimpleNamespace(clock=one.clock, fail=failed.append)
        boot = MarketDataBootstrap(marketdata=MarketDataSettings(), state=str(tmp_path))
        keeper = Keeper(host, boot, paper, announcer)
        return SimpleNamespace(one=one, paper=paper, keeper=keeper, told=told, failed=failed)

    return make


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_file_that_is_none_of_ours_closes_the_accounts_and_is_tried_again(
    kept, tmp_path, monkeypatch
):
    monkeypatch.setattr("marketdata.paper._OPENING_S", 0.05)
    file = tmp_path / "sandbox.db"
    file.write_bytes(b"no database at all" * 100)

    async def go():
        it = kept()
        it.keeper.start()
        await until(lambda: it.keeper.stats()["sandbox_trouble"])
        assert it.keeper.stats()["sandbox"] == "closed"
        with pytest.raises(ApiError) as refused:
            await it.paper.do(lambda desk: desk.funds("ann"))
        assert (refused.value.status, str(tmp_path) in str(refused.value)) == (503, False)
        file.unlink()
        await until(lambda: it.keeper.stats()["sandbox"] == "open")
        assert it.keeper.stats()["sandbox_trouble"] == ""
        await it.keeper.stop()

    asyncio.run(go())


def test_events_come_in_order_before_the_file_is_given_back(kept, identity):
    async def go():
        it = kept()
        it.keeper.follow(["a"])
        it.one.tick(100.0, mode=Mode.DEPTH)
        it.keeper.start()
        who = identity("ann")
        for _ in range(20):
            await it.paper.trade(who, [INFY], lambda desk: desk.place("ann", BUY))
        # What it holds is wanted of the market, without anybody's subscription.
        await until(lambda: any(b"INFY" in topic for topic in it.one.bus.wanted))
        await until(lambda: it.keeper.stats().get("sandbox_open_positions") == 1)
        await it.keeper.stop()
        states = [order.order_status for _, order in it.told]
        assert states == ["open", "complete"] * 20
        assert {user for user, _ in it.told} == {"ann"}
        assert it.keeper.stats()["sandbox"] == "closed"

    asyncio.run(go())


def test_a_position_follows_every_tick(kept, identity):
    async def go():
        it = kept()
        it.keeper.follow(["a"])
        it.one.tick(100.0, mode=Mode.DEPTH)
        it.keeper.start()
        await it.paper.trade(identity("ann"), [INFY], lambda desk: desk.place("ann", BUY))
        for price in (101.0, 99.5, 104.25):
            it.one.tick(price, mode=Mode.DEPTH)
            [position] = await it.paper.do(lambda desk: desk.positions("ann"))
            assert position.last_price == price * 1_000_000
        it.one.tick(50.0, mode=Mode.LTP)  # of another mode: not its feed
        it.one.tick(90.0, mode=Mode.DEPTH, feed="b")  # of another adapter
        [position] = await it.paper.do(lambda desk: desk.positions("ann"))
        assert position.last_price == 104_250_000
        await it.keeper.stop()

    asyncio.run(go())


def test_a_desk_that_ends_by_a_defect_ends_the_process(kept):
    async def go():
        it = kept()
        it.keeper.start()
        await until(lambda: it.keeper.stats()["sandbox"] == "open")

        def die(_desk):
            raise SystemExit

        with pytest.raises(ApiError) as refused:
            await it.paper.do(die)
        assert refused.value.status == 503
        await until(lambda: it.failed)
        assert "desk ended by a defect" in str(it.failed[0])
        await it.keeper.stop()

    asyncio.run(go())
