"""Depth levels: what is demanded of the bus, what the acknowledgement says, how one upgrades."""

from __future__ import annotations

import asyncio

import pytest

from bus.errors import TopicError
from bus.events import Accepted, Rejected
from bus.topics import Mode
from proxy.clients.subscriptions import Subscription
from proxy.protocol import levels
from proxy.protocol.requests import Instrument


@pytest.mark.parametrize(
    ("depth", "level"),
    [(1, 5), (5, 5), (6, 20), (20, 20), (21, 30), (50, 50), (51, 200), (200, 200), (999, 200)],
)
def test_level_for_is_the_next_one_that_is_enough(depth, level):
    assert levels.level_for(depth) == level


@pytest.mark.parametrize(
    ("symbol", "mode", "depth", "bus_symbol"),
    [
        ("TCS", Mode.DEPTH, 5, "TCS"),
        ("TCS", Mode.DEPTH, 20, "TCS:20"),
        ("TCS", Mode.QUOTE, 20, "TCS"),
        ("RELIANCE:50", Mode.DEPTH, 5, "RELIANCE:50"),
        ("RELIANCE:50", Mode.DEPTH, 200, "RELIANCE:50"),
        ("RELIANCE:50", Mode.LTP, 50, "RELIANCE"),
        ("reliance:5 ", Mode.DEPTH, 50, "RELIANCE"),
        ("A:7", Mode.DEPTH, 20, "A:7:20"),
    ],
)
def test_subscription_names_the_bus_symbol(symbol, mode, depth, bus_symbol):
    assert Subscription.of(Instrument(symbol, "NSE"), mode, depth).bus_symbol == bus_symbol


def test_symbol_that_is_too_long_with_its_suffix_is_refused():
    with pytest.raises(TopicError):
        Subscription.of(Instrument("S" * 63, "NSE"), Mode.DEPTH, 20)


def subscribe(proxy, session, inbox, symbol="TCS", depth=None, answer=Accepted, granted=None):
    """The acknowledgement, after the adapter answered what is new."""
    before = set(proxy.bus.wanted)
    fields = {"depth": depth} if depth is not None else {}
    waiting = proxy.say(session, action="subscribe", symbol=symbol, mode=3, **fields)
    if waiting is not None:
        for topic in set(proxy.bus.wanted) - before:
            text = topic[:-1].decode()
            if answer is Accepted:
                proxy.desk.demand.note(Accepted(text, granted or depth or 5))
            else:
                proxy.desk.demand.note(Rejected(text, "MODE_NOT_SUPPORTED", "no"))
        session.settle(waiting)
    return inbox.take()[0]["subscriptions"][0]


def topics(proxy):
    return sorted(topic[:-1].decode() for topic in proxy.bus.wanted)


def test_granted_depth_is_told_and_spelling_kept(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    session, inbox = proxy.session()
    entry = subscribe(proxy, session, inbox, "tcs", depth=50, granted=20)
    assert (entry["symbol"], entry["depth"]) == ("tcs", 20)
    assert topics(proxy) == ["ZERODHA_NSE_TCS:50_DEPTH"]
    assert subscribe(proxy, session, inbox, "RELIANCE:50", depth=50)["symbol"] == "RELIANCE:50"


def test_more_levels_take_the_place_of_fewer_and_not_the_reverse(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    session, inbox = proxy.session()
    assert subscribe(proxy, session, inbox)["depth"] == 5
    assert subscribe(proxy, session, inbox, depth=20)["depth"] == 20
    assert topics(proxy) == ["ZERODHA_NSE_TCS:20_DEPTH"]
    assert subscribe(proxy, session, inbox)["depth"] == 20
    assert topics(proxy) == ["ZERODHA_NSE_TCS:20_DEPTH"]
    assert session.subscriptions == 1
    proxy.say(session, action="unsubscribe", symbol="TCS", mode=3)
    assert topics(proxy) == []


def test_rejected_upgrade_leaves_what_was_held(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    session, inbox = proxy.session()
    subscribe(proxy, session, inbox)
    entry = subscribe(proxy, session, inbox, depth=200, answer=Rejected)
    assert entry["code"] == "MODE_NOT_SUPPORTED"
    assert topics(proxy) == ["ZERODHA_NSE_TCS_DEPTH"]
    assert session.subscriptions == 1


def test_suffixed_symbol_is_another_one_for_unsubscribe(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    session, inbox = proxy.session()
    subscribe(proxy, session, inbox, "TCS:50")
    subscribe(proxy, session, inbox, "TCS")
    proxy.say(session, action="unsubscribe", symbol="TCS:50")
    assert topics(proxy) == ["ZERODHA_NSE_TCS_DEPTH"]


def test_deep_ticks_reach_their_clients_in_their_spelling(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            deep, suffixed, shallow = [await bench.client() for _ in range(3)]
            for client, symbol, depth in (
                (deep, "TCS", 50),
                (suffixed, "TCS:50", 50),
                (shallow, "TCS", 5),
            ):
                request = {"action": "subscribe", "symbol": symbol, "mode": 3, "depth": depth}
                ack = await client.ask(request)
                assert ack["subscriptions"][0]["depth"] == depth
            bench.adapter.tick("TCS:50", mode=Mode.DEPTH, ltp=1)
            bench.adapter.tick("TCS", mode=Mode.DEPTH, ltp=2)
            for client, symbol, ltp in ((deep, "TCS", 1), (suffixed, "TCS:50", 1)):
                push = await client.receive()
                assert (push["symbol"], push["data"]["symbol"]) == (symbol, symbol)
                assert push["data"]["ltp"] == ltp
            assert (await shallow.receive())["data"]["ltp"] == 2

    asyncio.run(scenario())
