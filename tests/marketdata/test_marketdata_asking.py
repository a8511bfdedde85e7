"""Prices on request: from the cache, after a first tick, or a reason."""

import asyncio

from bus.events import Accepted, BrokerState, Rejected
from bus.topics import Mode
from marketdata.asking import Asking

KEY = ("NSE", "INFY")


def ask(one, asking, mode=Mode.QUOTE, feeds=None, keys=(KEY,)):
    feeds = list(one.market.feeds) if feeds is None else feeds
    return asking.ask(feeds, keys, mode)


def test_a_young_value_is_answered_at_once_and_kept_subscribed(harness):
    async def run():
        one = harness()
        asking = Asking(one.market)
        one.tick(100.0, mode=Mode.QUOTE)
        answer = (await ask(one, asking))[0]
        assert answer.tick.entry.track.price == 100.0
        assert one.bus.wanted == {b"A_NSE_INFY_QUOTE\0"}

    asyncio.run(run())


def test_a_symbol_that_nobody_has_is_subscribed_and_its_first_tick_awaited(harness):
    async def run():
        one = harness()
        asking = Asking(one.market)
        loop = asyncio.get_running_loop()
        one.bus.on_want = lambda *_: loop.call_soon(lambda: one.tick(7.0, mode=Mode.QUOTE))
        answer = (await ask(one, asking))[0]
        assert answer.tick.decode().ltp == 7.0
        one.clock.now_s += one.market.settings.hold_s
        assert one.market.holds.tidy(one.clock.monotonic()) == 1
        assert one.bus.wanted == set()

    asyncio.run(run())


def test_without_a_tick_the_wait_is_bounded_and_says_so(harness):
    async def run():
        one = harness(first_tick_timeout_s=0.02)
        assert (await ask(one, Asking(one.market)))[0] == (None, "no price yet")

    asyncio.run(run())


def test_a_poorer_mode_is_better_than_nothing(harness):
    async def run():
        one = harness(first_tick_timeout_s=0.02)
        asking = Asking(one.market)
        one.tick(100.0, mode=Mode.LTP)
        one.clock.now_s += 5
        assert (await ask(one, asking, Mode.DEPTH))[0].tick.mode is Mode.LTP

    asyncio.run(run())


def test_a_refusal_is_told_at_once_and_a_mode_that_is_refused_gives_way(harness):
    async def run():
        one = harness(first_tick_timeout_s=5.0)
        asking = Asking(one.market)
        loop = asyncio.get_running_loop()

        def answer(adapter, topic):
            text = topic[:-1].decode()
            if adapter == "a":
                verdict = Rejected(text, "SYMBOL_NOT_FOUND", "a has no INFY")
            elif text.endswith("DEPTH"):
                verdict = Rejected(text, "MODE_NOT_SUPPORTED", "no books")
            else:
                verdict = Accepted(text)
                loop.call_soon(lambda: one.tick(9.0, mode=Mode.QUOTE, feed="b"))
            loop.call_soon(asking.note, verdict)

        one.bus.on_want = answer
        only_a = [next(iter(one.market.feeds))]
        assert (await ask(one, asking, Mode.DEPTH, only_a))[0] == (None, "a has no INFY")
        found = (await ask(one, asking, Mode.DEPTH))[0]
        assert (found.tick.entry.feed, found.tick.mode) == ("B", Mode.QUOTE)

    asyncio.run(run())


def test_a_feed_in_trouble_is_asked_last(harness):
    async def run():
        one = harness(first_tick_timeout_s=0.01)
        one.market.feeds.heard("a", BrokerState("backoff"))
        await ask(one, Asking(one.market))
        assert one.bus.wanted == {b"B_NSE_INFY_QUOTE\0"}

    asyncio.run(run())


def test_at_night_the_last_value_is_answered_without_waiting(harness):
    async def run():
        one = harness(first_tick_timeout_s=30.0)
        asking = Asking(one.market)
        one.tick(100.0, mode=Mode.QUOTE)
        one.clock.now_s += 12 * 3600
        async with asyncio.timeout(5):
            assert (await ask(one, asking))[0].tick.entry.track.price == 100.0

    asyncio.run(run())


def test_what_cannot_be_a_symbol_is_said_and_leases_are_bounded(harness):
    async def run():
        one = harness(first_tick_timeout_s=0.01, max_held=1)
        answers = await ask(one, Asking(one.market), keys=[("NSE", "A B"), ("XXX", "A")])
        assert "spaces" in answers[0].error
        assert "unknown exchange" in answers[1].error
        answers = await ask(one, Asking(one.market), keys=[("NSE", "A"), ("NSE", "B")])
        assert [answer.error for answer in answers] == [
            "no price yet",
            "too many instruments are asked for at a time",
        ]
        assert (await ask(one, Asking(one.market), feeds=[]))[0].error == "no adapter feeds it"

    asyncio.run(run())
