"""A market without a bus, and identities, for the service's parts."""

from datetime import datetime

import pytest

from bus.control.messages import PublisherEntry
from bus.events import BrokerState
from bus.frames import OWN_CLOCK, Frame, Kind
from bus.market.hours import IST, Calendar
from bus.market.ticks import BidAsk, DepthData, Level, LtpData, QuoteData, encode_json
from bus.settings import MarketDataSettings
from bus.topics import Mode, Topic
from identity.authority import Identity
from identity.scopes import Scopes
from marketdata.market import Market

OPEN_NS = int(datetime(2026, 1, 5, 11, 0, tzinfo=IST).timestamp() * 1e9)


class Clock:
    """Moves when told, and with every look a little."""

    def __init__(self):
        self.now_s = 1000.0
        self.base_ns = OPEN_NS

    def monotonic(self):
        self.now_s += 0.000_001
        return self.now_s

    def unix_ns(self):
        return self.base_ns + int((self.now_s - 1000.0) * 1e9)


class Bus:
    """Notes demand; `answers` are called with each new one."""

    def __init__(self):
        self.wanted = set()
        self.on_want = lambda *_: None

    def subscribe(self, adapter, topic):
        self.wanted.add(topic)
        self.on_want(adapter, topic)

    def unsubscribe(self, adapter, topic):
        self.wanted.discard(topic)


class Harness:
    """A market with feeds `a` and `b`."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.bus = Bus()
        self.market = Market(MarketDataSettings(**settings), Calendar(), self.clock, self.bus)
        self.market.feeds.follow([PublisherEntry(name, 1, "tcp://x", name) for name in ("a", "b")])
        for name in ("a", "b"):
            self.market.feeds.heard(name, BrokerState("connected"))

    def tick(
        self, price, symbol="INFY", mode=Mode.LTP, feed="a", exchange="NSE", sequence=1, **fields
    ):
        """One tick arrives."""
        stamp = self.clock.unix_ns()
        base = {"symbol": symbol, "exchange": exchange, "ltp": price, "timestamp": stamp // 10**6}
        if mode is Mode.DEPTH:
            book = BidAsk([Level(price - 1, 10, 2)], [Level(price + 1, 20, 3)])
            base |= {"depth": book, "bids": book.buy, "asks": book.sell}
            base |= {"bid_price": price - 1, "ask_price": price + 1}
        kind = {Mode.LTP: LtpData, Mode.QUOTE: QuoteData, Mode.DEPTH: DepthData}[mode]
        topic = Topic.make(feed, exchange, symbol, mode).text.encode()
        data = encode_json(kind(**base, **fields))
        frame = Frame(topic, Kind.TICK, OWN_CLOCK, 1, sequence, stamp, data)
        return self.market.take(feed, [frame])


@pytest.fixture
def harness():
    return Harness


def scopes(**changes):
    given = {"symbols": 10, "connections": 2, "orders": True, "admin": False}
    return Scopes(**(given | changes))


@pytest.fixture
def identity():
    def make(user="ann", *, broker=None, **changes):
        return Identity(
            user=user, credential=f"key:{user}", name=user, scopes=scopes(**changes), broker=broker
        )

    return make
