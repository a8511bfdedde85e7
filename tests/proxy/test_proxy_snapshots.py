"""The last value right after the acknowledgement, never before it."""

from __future__ import annotations

import asyncio

from bus.events import Accepted, Rejected
from bus.frames import Frame, Kind

SBIN = "ZERODHA_NSE_SBIN_LTP"


def tick(proxy, number, symbol="SBIN"):
    payload = b'{"symbol":"%b","exchange":"NSE","ltp":%d}' % (symbol.encode(), number)
    topic = SBIN.replace("SBIN", symbol).encode()
    proxy.desk.lanes.routes.deliver([Frame(topic, Kind.TICK, 0, 1, number, number, payload)])


def holder(proxy, symbol="SBIN"):
    session, inbox = proxy.session("first")
    proxy.say(session, action="subscribe", symbol=symbol, mode=1)
    inbox.take()
    return session, inbox


def test_later_client_gets_the_last_value_after_its_acknowledgement(pure_proxy):
    proxy = pure_proxy()
    holder(proxy)
    for number in (1, 2):
        tick(proxy, number)
    session, inbox = proxy.session(path="/?profile=flat")
    proxy.say(session, action="subscribe", symbol=" sbin", mode=1)
    ack, snapshot = inbox.take()
    assert ack["type"] == "subscribe"
    assert (snapshot["symbol"], snapshot["ltp"], snapshot["data"]["ltp"]) == (" sbin", 2, 2)
    assert proxy.desk.totals.snapshots == 1
    proxy.say(session, action="subscribe", symbol=" sbin", mode=1)  # has it already
    assert len(inbox.take()) == 1


def test_snapshot_comes_before_what_ticked_while_the_adapter_was_asked(pure_proxy):
    proxy = pure_proxy()
    holder(proxy)
    tick(proxy, 1)
    proxy.present()
    session, inbox = proxy.session()
    waiting = proxy.say(session, action="subscribe", symbol="SBIN", mode=1)
    tick(proxy, 2)
    assert inbox.take() == []
    session.settle(waiting)
    ack, *pushes = inbox.take()
    assert ack["status"] == "success"
    assert [push["data"]["ltp"] for push in pushes] == [1, 2]


def test_what_is_rejected_has_no_snapshot(pure_proxy):
    proxy = pure_proxy()
    holder(proxy)
    tick(proxy, 1)
    proxy.present()
    session, inbox = proxy.session()
    waiting = proxy.say(session, action="subscribe", symbol="SBIN", mode=1)
    proxy.desk.demand.note(Rejected(SBIN, "LIMIT_EXCEEDED", "full"))
    session.settle(waiting)
    assert [message["type"] for message in inbox.take()] == ["subscribe"]


def test_last_values_are_kept_only_while_somebody_holds_the_topic(pure_proxy):
    proxy = pure_proxy()
    first, _ = holder(proxy)
    tick(proxy, 1)
    proxy.desk.demand.note(Accepted(SBIN))
    proxy.say(first, action="unsubscribe_all")
    session, inbox = proxy.session()
    proxy.say(session, action="subscribe", symbol="SBIN", mode=1)
    assert len(inbox.take()) == 1


def test_live_client_sees_acknowledgement_snapshot_tick(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            first, second = await bench.client(), await bench.client()
            await first.subscribe()
            bench.adapter.tick(ltp=7)
            assert (await first.receive())["data"]["ltp"] == 7
            assert (await second.subscribe())["type"] == "subscribe"
            bench.adapter.tick(ltp=8)
            assert [(await second.receive())["data"]["ltp"] for _ in range(2)] == [7, 8]

    asyncio.run(scenario())
