"""Clients that do not keep up: conflated, back again, or closed; nobody else notices."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from bus.frames import Frame, Kind
from proxy.fanout.conflation import RECOVER_S, ROUND_S, Conflation, Lag, Step

SYMBOLS = ("A", "B", "C")


def tick(proxy, number, symbol="A"):
    payload = b'{"symbol":"%b","exchange":"NSE","ltp":%d}' % (symbol.encode(), number)
    topic = f"ZERODHA_NSE_{symbol}_LTP".encode()
    proxy.desk.lanes.routes.deliver([Frame(topic, Kind.TICK, 0, 1, number, number, payload)])


def slow_client(proxy, budget=10**6):
    session, inbox = proxy.session()
    proxy.say(session, action="subscribe", symbols=list(SYMBOLS), mode=1)
    for symbol in SYMBOLS:
        tick(proxy, 0, symbol)
    inbox.take()
    conflation = Conflation(
        proxy.desk.lanes,
        session.member,
        inbox,
        now=0.0,
        budget=budget,
        stall_timeout_s=30.0,
    )
    return session, inbox, conflation


def prices(inbox):
    return [(push["symbol"], push["data"]["ltp"]) for push in inbox.take()]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 80)), max_size=60))
def test_lag_is_never_more_than_the_age_of_the_oldest_waiting_byte(steps):
    """A byte more is written with each step (one second each), some are taken."""
    lag, written, taken, written_at = Lag(0.0), 0, 0, []
    for now, (more, fewer) in enumerate(steps):
        written_at += [now] * more
        written += more
        taken = min(written, taken + fewer)
        age = lag.seconds(now, written, written - taken)
        oldest = now - written_at[taken] if taken < written else 0
        assert age <= oldest + 1


def test_lag_of_a_client_that_takes_nothing_grows():
    lag = Lag(0.0)
    assert [lag.seconds(float(now), 100, 100) for now in (1, 2, 5)] == [0.0, 1.0, 4.0]
    assert lag.seconds(6.0, 100, 0) == 0.0
    assert lag.seconds(60.0, 100, 0) == 0.0


def test_conflated_client_gets_the_latest_of_what_moved_once_its_buffer_is_empty(pure_proxy):
    proxy = pure_proxy()
    _, inbox, conflation = slow_client(proxy)
    for number in range(1, 101):
        tick(proxy, number, "B" if number % 10 else "A")
    assert conflation.round(1.0, waiting=5000) is Step.AGAIN
    assert inbox.take() == []
    assert conflation.round(2.0, waiting=0) is Step.AGAIN
    assert prices(inbox) == [("B", 99), ("A", 100)]  # in bus order; C did not move
    assert conflation.conflated == 99 + 98  # here a topic's sequence is the tick's number
    assert conflation.round(2.1, waiting=0) is Step.AGAIN
    assert prices(inbox) == []


def test_client_recovers_when_it_takes_everything_at_once_for_a_while(pure_proxy):
    proxy = pure_proxy()
    _, inbox, conflation = slow_client(proxy)
    now, step = 0.0, Step.AGAIN
    while step is Step.AGAIN:
        now += ROUND_S
        tick(proxy, int(now * 1000))
        step = conflation.round(now, waiting=0)
    assert step is Step.RECOVERED
    assert now == pytest.approx(RECOVER_S, abs=2 * ROUND_S)
    inbox.take()
    tick(proxy, 5000)
    tick(proxy, 5001)
    assert prices(inbox) == [("A", 5000), ("A", 5001)]


def test_one_pause_begins_the_probation_anew(pure_proxy):
    _, _, conflation = slow_client(pure_proxy())
    assert conflation.round(10.0, waiting=0) is Step.AGAIN
    assert conflation.round(10.9, waiting=1) is Step.AGAIN
    assert conflation.round(11.1, waiting=0) is Step.AGAIN
    assert conflation.round(12.2, waiting=0) is Step.RECOVERED


def test_client_that_never_takes_anything_is_stalled(pure_proxy):
    _, _, conflation = slow_client(pure_proxy())
    assert conflation.round(29.9, waiting=1) is Step.AGAIN
    assert conflation.round(30.1, waiting=1) is Step.STALLED


def test_what_does_not_fit_at_once_comes_next_time_and_before_the_rest(pure_proxy):
    proxy = pure_proxy()
    _, inbox, conflation = slow_client(proxy, budget=1)
    got = []
    for number, symbol in enumerate(SYMBOLS, 1):
        tick(proxy, number, symbol)
    for now in range(1, 6):
        assert conflation.round(float(now) / 10, waiting=0) is Step.AGAIN
        got += prices(inbox)
        tick(proxy, 100 + now, "A")
    assert got == [("A", 1), ("B", 2), ("C", 3), ("A", 103), ("A", 104)]


def test_conflated_client_may_subscribe_and_unsubscribe(pure_proxy):
    proxy = pure_proxy()
    session, inbox, conflation = slow_client(proxy)
    proxy.say(session, action="unsubscribe", symbol="A")
    proxy.say(session, action="subscribe", symbol="D", mode=1)
    inbox.take()
    for number, symbol in enumerate("ABCD", 1):
        tick(proxy, number, symbol)
    conflation.round(1.0, waiting=0)
    assert prices(inbox) == [("B", 2), ("C", 3), ("D", 4)]
    session.close()
    assert proxy.desk.lanes.parked == 0
    assert proxy.bus.wanted == {}


def test_slow_client_is_conflated_and_recovers_while_others_get_every_tick(proxy_bench):
    async def scenario():
        async with proxy_bench(conflate_above_bytes=100_000) as bench:
            healthy, slow = await bench.client(), await bench.client(max_queue=1)
            for client in (healthy, slow):
                await client.ask({"action": "subscribe", "symbols": ["A", "B"], "mode": 1})
            slow.connection.transport.pause_reading()
            padding = "x" * 20_000
            sent = 0
            while sent < 3000:
                bench.adapter.tick("AB"[sent % 2], ltp=sent, padding=padding)
                assert (await healthy.receive())["data"]["ltp"] == sent
                sent += 1
            assert bench.service.stats()["conflating"] == 1
            listed, total = bench.service.clients()
            assert (total, listed[0].conflating, listed[1].conflating) == (2, True, False)
            # Bounded: what was written before it was parked, and the kernel's buffers.
            assert listed[0].queue_bytes < 400_000
            slow.connection.transport.resume_reading()
            last = {}
            while last.get("A") != sent - 2 or last.get("B") != sent - 1:
                push = await slow.receive()
                assert push["data"]["ltp"] > last.get(push["symbol"], -1)
                last[push["symbol"]] = push["data"]["ltp"]
            await bench.until(lambda: bench.service.stats()["conflating"] == 0)
            bench.adapter.tick("A", ltp=sent)
            assert (await slow.receive())["data"]["ltp"] == sent
            stats = bench.service.stats()
            assert stats["conflated_total"] > 0
            # Every tick was delivered to each, or a newer one took its place: none is lost.
            assert stats["delivered_total"] + stats["conflated_total"] == 2 * (sent + 1)
            assert stats["dropped_total"] == 0

    asyncio.run(scenario())


def test_client_that_falls_behind_by_time_is_conflated_too(proxy_bench):
    async def scenario():
        bounds = {"conflate_above_bytes": 1 << 27, "max_backlog_bytes": 1 << 28}
        async with proxy_bench(conflate_after_s=0.2, **bounds) as bench:
            slow = await bench.client(max_queue=1)
            await slow.subscribe("A")
            slow.connection.transport.pause_reading()
            outlet = next(iter(bench.service._server.clients))._outlet
            while not outlet.waiting:
                bench.adapter.tick("A", padding="x" * 50_000)
                await asyncio.sleep(0)
            assert outlet.waiting < bench.service._desk.settings.conflate_above_bytes
            await bench.until(lambda: bench.service.stats()["conflating"] == 1)
            slow.connection.transport.abort()

    asyncio.run(scenario())


def test_stalled_client_is_closed_with_4008_and_learns_why(proxy_bench):
    async def scenario():
        settings = {"conflate_above_bytes": 50_000, "stall_timeout_s": 0.3}
        async with proxy_bench(**settings) as bench:
            healthy, slow = await bench.client(), await bench.client(max_queue=1)
            for client in (healthy, slow):
                await client.subscribe("A")
            slow.connection.transport.pause_reading()
            while not bench.service.stats()["conflating"]:
                bench.adapter.tick("A", padding="x" * 20_000)
                await healthy.receive()
            await bench.until(lambda: bench.service.stats()["slow_closed_total"] == 1)
            slow.connection.transport.resume_reading()
            with pytest.raises(ConnectionClosed) as closed:
                await slow.receive_all()
            assert closed.value.rcvd.code == 4008
            assert closed.value.rcvd.reason == "slow client: nothing read for 0.3 s"
            bench.adapter.tick("A", ltp=-1)
            while (await healthy.receive())["data"].get("ltp") != -1:
                pass

    asyncio.run(scenario())
