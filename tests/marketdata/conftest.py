"""A market without a bus, identities, and calls on options, for the service's parts."""

import asyncio
import sqlite3
from datetime import datetime
from types import SimpleNamespace

import httpx
import pytest
from paper import Listed

from bus.access import LimitSettings
from bus.control.messages import PublisherEntry
from bus.events import BrokerState
from bus.frames import OWN_CLOCK, Frame, Kind
from bus.market.hours import IST, Calendar
from bus.market.ticks import BidAsk, DepthData, Level, LtpData, QuoteData, encode_json
from bus.settings import MarketDataSettings, SandboxSettings
from bus.topics import Mode, Topic
from identity.authority import Identity
from identity.scopes import Scopes
from marketdata.api.app import Door, application
from marketdata.api.chains import Chains
from marketdata.api.exchanges import Exchanges
from marketdata.api.history import History
from marketdata.api.options import Options
from marketdata.api.orders import Orders
from marketdata.api.prices import Prices
from marketdata.api.symbols import Symbols
from marketdata.api.underlyings import Underlyings
from marketdata.asking import Asking
from marketdata.catalogue import Catalogue
from marketdata.history import Historian
from marketdata.market import Market
from marketdata.paper import Paper
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.runner import DeskRunner
from marketdata.sandbox.store import Store

STRIKES = [24_900, 24_950, 25_000, 25_050, 25_100]
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


@pytest.fixture
def asked(harness, identity, tmp_path):
    """Runs a coroutine with `ask(name, status, **body)`; the index is at 25,010, all options at
    100. `ask.market` is the harness, `ask.list` adds an instrument,
    `ask.app` is the application."""
    with sqlite3.connect(tmp_path / "a.db") as master:
        master.execute(
            "CREATE TABLE instruments (exchange, symbol, token, lot_size, tick_size, "
            "freeze_quantity)"
        )
        symbols = [f"NIFTY27JAN26{k}{r}" for k in STRIKES for r in ("CE", "PE")]
        symbols.append("NIFTYNXT5027JAN2625000CE")  # another base that begins alike
        rows = [("NFO", symbol, "1", 25, 50_000, 1800) for symbol in symbols]
        master.executemany("INSERT INTO instruments VALUES (?,?,?,?,?,?)", rows)
    master.close()

    def run(work, calendar=None):
        async def go():
            one = harness(first_tick_timeout_s=0.05)
            one.tick(25_010.0, symbol="NIFTY", exchange="NSE_INDEX")
            for symbol in symbols:
                one.tick(100.0, symbol=symbol, exchange="NFO", mode=Mode.DEPTH)
            asking = Asking(one.market)
            paper = Paper(one.market, asking)
            orders = Orders(paper)
            catalogue = Catalogue(tmp_path, ["a"])
            underlyings = Underlyings(one.market, asking, lambda: catalogue)
            prices = Prices(one.market, asking)
            chains = Chains(underlyings, prices, one.clock)
            calls = (
                orders,
                Options(underlyings, orders),
                chains,
                Symbols(one.market, paper, lambda: catalogue),
                Exchanges(calendar or one.market.calendar, one.clock),
                History(one.market, Historian(str(tmp_path / "recordings"))),
            )
            users = {
                "ann": identity("ann"),
                "bob": identity("bob", adapters=frozenset({"b"})),
                "eve": identity("eve", exchanges=frozenset({"MCX"})),
            }
            keys = SimpleNamespace(verify=users.get)
            door = Door(keys, LimitSettings(), one.clock, ["127.0.0.1"])
            app = application([row for call in calls for row in call.endpoints()], door)
            runner = DeskRunner(
                lambda: Desk(
                    Store(tmp_path / "s.db"),
                    Listed(),
                    one.clock,
                    Rules.of(SandboxSettings()),
                    last_value=paper.last_value,
                )
            )
            await runner.start()
            paper.open(runner, ())
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:

                async def ask(name, status=200, method="POST", **body):
                    fields = {"apikey": "ann"} | body
                    sent = {"params": fields} if method == "GET" else {"json": fields}
                    reply = await client.request(method, f"/api/v1/{name}", **sent)
                    assert reply.status_code == status, reply.text
                    return reply.json()

                def list_one(exchange, symbol):
                    with sqlite3.connect(tmp_path / "a.db") as master:
                        row = (exchange, symbol, "1", 1, 100, 0)
                        master.execute("INSERT INTO instruments VALUES (?,?,?,?,?,?)", row)
                    master.close()

                ask.market, ask.list, ask.app = one, list_one, app
                await work(ask)
            await runner.stop()

        asyncio.run(go())

    return run
