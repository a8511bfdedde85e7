"""A seeded market, what a client saw of it, and whether that is every tick once, in order."""

import collections
import datetime as dt
import itertools
import json
import threading
import urllib.request

from system import System
from websockets.exceptions import ConnectionClosed

from simulators.markets.synthetic import SyntheticMarket
from simulators.opening import OPENING_TIME


class Truth:
    """What a market of a seed and rate says, from its very object and not through the system."""

    def __init__(self, rate, *, seed=5, seconds=60):
        self.rate = rate
        self.seed = seed
        self._seconds = seconds
        self._streams = None

    def section(self, name="sim", extra=""):
        """The `[simulators.NAME]` that plays it."""
        return f"""
[simulators.{name}]
broker = "zerodha"
rate = {self.rate}
date = "2025-12-15"
seed = {self.seed}
{extra}
"""

    def instruments(self, most=None):
        """Those that have a book, as a client asks for them."""
        found = [
            {"exchange": i.exchange, "symbol": i.symbol}
            for i in self._market().instruments
            if not i.is_index
        ]
        return found[:most]

    def check(self, seen):
        """Each tick of each symbol once, in order, none missing between first and last."""
        if self._streams is None:
            self._streams = self._make_streams()
        for symbol, ticks in seen.items():
            assert_contiguous(ticks, self._streams[symbol], symbol)

    def _market(self):
        start = dt.datetime.combine(dt.date(2025, 12, 15), OPENING_TIME)
        return SyntheticMarket(
            seed=self.seed, rate=self.rate, start_ms=int(start.timestamp() * 1000)
        )

    def _make_streams(self):
        made = self._market()
        streams = collections.defaultdict(list)
        for event in itertools.islice(made.events(), self.rate * self._seconds):
            snapshot = event.snapshot
            symbol = made.instruments[snapshot.number].symbol
            book = [(level.price, level.quantity) for level in (*snapshot.bids, *snapshot.asks)]
            seconds = snapshot.exchange_ms // 1000 * 1000  # all that Kite's packets hold
            streams[symbol].append((snapshot.ltp, snapshot.volume, seconds, tuple(book)))
        return streams


class Reader(threading.Thread):
    """A client that keeps, per symbol, what identifies each tick."""

    def __init__(self, system: System, key, instruments):
        super().__init__(daemon=True)
        self.seen = collections.defaultdict(list)
        self.closed = False
        self._context = system.connect(key)
        self._client = self._context.__enter__()
        self._client.send(json.dumps({"action": "subscribe", "mode": 3, "symbols": instruments}))
        self._done = threading.Event()
        self.start()

    def run(self):
        while not self._done.is_set():
            try:
                message = json.loads(self._client.recv(timeout=0.5))
            except TimeoutError:
                continue
            except ConnectionClosed:
                self.closed = True
                return
            if message.get("type") == "market_data":
                self.seen[message["symbol"]].append(identity(message["data"]))

    def stop(self):
        self._done.set()
        self.join(5)
        self._context.__exit__(None, None, None)


def identity(data):
    book = [(row["price"], row["quantity"]) for row in data["depth"]["buy"] + data["depth"]["sell"]]
    return data["ltp"], data.get("volume"), data["timestamp"], tuple(book)


def assert_contiguous(seen, truth, symbol):
    """Each tick once, in order, none missing between the first and the last."""
    starts = [n for n, one in enumerate(truth) if one == seen[0]]
    assert starts, f"{symbol}: the first tick is none of the market's"
    if not any(truth[start : start + len(seen)] == seen for start in starts):
        at = next(n for n, one in enumerate(seen) if truth[starts[0] + n] != one)
        raise AssertionError(
            f"{symbol}: tick {at} of {len(seen)} is {seen[at]}, after {seen[at - 1]}; "
            f"the market said {truth[starts[0] + at]}"
        )


def control(one, command, simulator="sim"):
    """Tell a simulator to do something."""
    address = one.process(simulator)["endpoint"].replace("ws://", "http://")
    with urllib.request.urlopen(f"{address}/control?{command}", timeout=5) as reply:
        assert reply.status == 200
