"""What an adapter says after the acknowledgement, and what a proxy that comes late learns."""

from __future__ import annotations

import asyncio

from bus.events import Accepted, BrokerState, Rejected, encode_event

SBIN = "ZERODHA_NSE_SBIN_DEPTH"
TOLD = "/?subscription_status=1"


def test_late_answers_are_told_to_those_who_asked_for_it_in_their_spelling(pure_proxy):
    proxy = pure_proxy()
    clients = [proxy.session("alice", path=path) for path in (TOLD, "/")]
    for session, inbox in clients:
        proxy.say(session, action="subscribe", symbol="sbin", mode=3)
        assert [message["type"] for message in inbox.take()] == ["subscribe"]
    (_, told), (_, plain) = clients
    proxy.desk.demand.note(Rejected(SBIN, "BROKER_REFUSED", "no"))
    proxy.desk.demand.note(Rejected(SBIN, "BROKER_REFUSED", "no"))  # said again: no news
    proxy.desk.demand.note(Accepted(SBIN))
    common = {"type": "subscription_status", "symbol": "sbin", "exchange": "NSE", "mode": 3}
    assert told.take() == [
        {**common, "status": "error", "message": "no", "code": "BROKER_REFUSED",
         "broker": "zerodha"},
        {**common, "status": "success", "depth": 5, "broker": "zerodha"},
    ]  # fmt: skip
    assert plain.take() == []


def test_answers_in_time_are_told_by_the_acknowledgement_alone(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    session, inbox = proxy.session(path=TOLD)
    waiting = proxy.say(session, action="subscribe", symbol="SBIN", mode=3)
    proxy.desk.demand.note(Rejected(SBIN, "BROKER_REFUSED", "no"))
    session.settle(waiting)
    assert [message["type"] for message in inbox.take()] == ["subscribe"]


def test_closed_client_is_told_nothing(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session(path=TOLD)
    proxy.say(session, action="subscribe", symbol="SBIN", mode=3)
    inbox.take()
    session.close()
    assert proxy.desk.demand._observers == {}


def test_deep_book_is_found_by_its_topic(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session(path=TOLD)
    for symbol, depth in (("SBIN", 20), ("SBIN:50", 5)):
        proxy.say(session, action="subscribe", symbol=symbol, mode=3, depth=depth)
    inbox.take()
    for level in (20, 50):
        proxy.desk.demand.note(Accepted(f"ZERODHA_NSE_SBIN:{level}_DEPTH", level))
    got = [(message["symbol"], message["depth"]) for message in inbox.take()]
    assert got == [("SBIN", 20), ("SBIN:50", 50)]


def test_proxy_that_comes_late_learns_the_brokers_state(proxy_bench):
    async def scenario():
        async with proxy_bench(present=False) as bench:
            publisher = bench.adapter.publisher
            publisher.publish_state(encode_event(BrokerState("backoff", "no route")), 0)
            bench.service.follow([bench.adapter.entry])
            client = await bench.client()
            await bench.until(lambda: not bench.service._desk.feeds.connected("zerodha"))
            info = await client.ask({"action": "get_broker_info"})
            assert info["adapter_status"] == "disconnected"
            publisher.publish_state(encode_event(BrokerState("connected")), 0)
            await bench.until(lambda: bench.service._desk.feeds.connected("zerodha"))

    asyncio.run(scenario())
