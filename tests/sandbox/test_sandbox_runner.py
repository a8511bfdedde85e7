"""The desk in its thread: answers are durable, ticks never wait, a lost batch is told."""

import asyncio
import threading

import pytest
from paper import Listed, StillClock, ltp

from bus.settings import SandboxSettings
from marketdata.sandbox import runner as runner_module
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.errors import DeskEndedError, Rejection, StoreError
from marketdata.sandbox.model import OrderRequest
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.runner import DeskRunner
from marketdata.sandbox.store import Store

BUY = OrderRequest(exchange="NSE", symbol="SBIN", action="BUY", quantity=1)


def opener(path, clock, told, last_value=lambda _exchange, _symbol: None):
    def open_desk():
        rules = Rules.of(SandboxSettings())
        return Desk(Store(path), Listed(), clock, rules, outlet=told.append, last_value=last_value)

    return open_desk


def test_requests_and_ticks_are_answered_after_one_commit(tmp_path):
    clock, told = StillClock(), []
    price = (ltp("SBIN", 100.0), clock.now_ns)

    async def main():
        runner = DeskRunner(opener(tmp_path / "s.db", clock, told, lambda _e, _s: price))
        await runner.start()
        ids = await asyncio.gather(
            *(runner.do(lambda desk: desk.place("asha", BUY)) for _ in range(50))
        )
        with pytest.raises(Rejection):
            await runner.do(lambda desk: desk.cancel("asha", ids[0]))
        runner.tell([(ltp("SBIN", 110.0), clock.now_ns)])
        funds = await runner.do(lambda desk: desk.funds("asha"))
        assert funds.unrealised == 50 * 10_000_000
        assert len(set(ids)) == 50
        await runner.stop()

    asyncio.run(main())
    assert [order.status for order in told] == ["open", "complete"] * 50
    desk = opener(tmp_path / "s.db", clock, [])()
    assert len(desk.orders("asha")) == 50
    desk.close()


def test_a_desk_that_is_held_up_drops_ticks_and_counts_them(tmp_path, monkeypatch):
    monkeypatch.setattr(runner_module, "MAX_WAITING_TICKS", 10)
    clock, held, go = StillClock(), threading.Event(), threading.Event()

    async def main():
        runner = DeskRunner(opener(tmp_path / "s.db", clock, []))
        await runner.start()
        asked = asyncio.create_task(runner.do(lambda _desk: held.set() or go.wait(30)))
        assert await asyncio.to_thread(held.wait, 30)
        tick = (ltp("SBIN", 100.0), clock.now_ns)
        for _ in range(20):
            runner.tell([tick])
            await asyncio.sleep(0)
        assert runner.dropped_ticks_total == 9
        go.set()
        assert await asked
        await runner.stop()

    asyncio.run(main())


def test_a_failed_commit_fails_all_who_were_in_it_and_memory_goes_back(tmp_path, monkeypatch):
    clock, told = StillClock(), []
    price = (ltp("SBIN", 100.0), clock.now_ns)

    async def main():
        runner = DeskRunner(opener(tmp_path / "s.db", clock, told, lambda _e, _s: price))
        await runner.start()
        await runner.do(lambda desk: desk.place("asha", BUY))
        with monkeypatch.context() as broken:

            def fail(*_args):
                raise StoreError("the disk is full")

            broken.setattr(Store, "write", fail)
            with pytest.raises(StoreError, match="disk is full"):
                await runner.do(lambda desk: desk.place("asha", BUY))
        assert len(await runner.do(lambda desk: desk.orders("asha"))) == 1
        await runner.do(lambda desk: desk.place("asha", BUY))
        await runner.stop()

    asyncio.run(main())
    assert len(told) == 4


def test_a_defect_in_the_middle_of_a_change_undoes_it(tmp_path, monkeypatch):
    clock = StillClock()
    price = (ltp("SBIN", 100.0), clock.now_ns)
    desk = opener(tmp_path / "s.db", clock, [], lambda _e, _s: price)()
    desk.place("asha", BUY)
    before = desk.funds("asha")
    with monkeypatch.context() as broken:
        broken.setattr("marketdata.sandbox.account.Account.reserve", None)
        with pytest.raises(StoreError, match="nothing was changed"):
            desk.place("asha", BUY)
    assert desk.funds("asha") == before
    assert len(desk.orders("asha")) == 1
    desk.close()


def test_a_file_has_one_owner(tmp_path, monkeypatch):
    monkeypatch.setattr("marketdata.sandbox.store.BUSY_S", 0.1)
    clock = StillClock()
    desk = opener(tmp_path / "s.db", clock, [])()

    async def main():
        with pytest.raises(StoreError, match="does another instance use it"):
            await DeskRunner(opener(tmp_path / "s.db", clock, [])).start()

    asyncio.run(main())
    desk.close()


def test_a_desk_that_ends_refuses_whoever_asked_waits_or_asks_later(tmp_path, monkeypatch):
    clock, go = StillClock(), threading.Event()

    async def main():
        runner = DeskRunner(opener(tmp_path / "s.db", clock, []))
        await runner.start()
        monkeypatch.setattr(Desk, "on_time", lambda _desk: None)

        def die(_desk):
            go.wait(30)
            raise SystemExit

        asked = [asyncio.create_task(runner.do(die)), asyncio.create_task(runner.do(Desk.stats))]
        await asyncio.sleep(0)
        go.set()
        for one in asked:
            with pytest.raises(DeskEndedError, match="desk ended"):
                await one
        await runner.stop()
        with pytest.raises(DeskEndedError, match="SystemExit"):
            await runner.do(Desk.stats)

    asyncio.run(main())
    opener(tmp_path / "s.db", clock, [])().close()  # the file is free for the next desk


def test_what_is_due_may_fail_without_failing_what_was_done(tmp_path, monkeypatch):
    clock = StillClock()
    price = (ltp("SBIN", 100.0), clock.now_ns)

    def fail(_desk):
        raise StoreError("the disk is full")

    async def main():
        runner = DeskRunner(opener(tmp_path / "s.db", clock, [], lambda _e, _s: price))
        await runner.start()
        monkeypatch.setattr(Desk, "on_time", fail)
        order = await runner.do(lambda desk: desk.place("asha", BUY))
        assert (await runner.do(lambda desk: desk.order("asha", order))).status == "complete"
        await runner.stop()

    asyncio.run(main())


def test_a_desk_that_cannot_read_its_file_again_ends(tmp_path, monkeypatch):
    desk = opener(tmp_path / "s.db", StillClock(), [])()

    def fail(*_args):
        raise StoreError("the disk is gone")

    monkeypatch.setattr(Store, "write", fail)
    monkeypatch.setattr(Store, "read", fail)
    with pytest.raises(DeskEndedError, match="the disk is gone"):
        desk.note("asha", "a change", "to be written")
    desk.abandon()
