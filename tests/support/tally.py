"""Clients of the numbered market, and what is wrong with the numbers that they get."""

import collections
import json
import threading
import time
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed


def counting(symbols: int) -> list[str]:
    """Instruments that count (simulators/markets/numbered.py)."""
    return [f"COUNT{n:02}" for n in range(symbols)]


SYMBOLS = counting(50)


def market(rate: int = 2000, symbols: int = len(SYMBOLS)) -> str:
    """Configuration of that market, and of the adapter that is logged in to it."""
    return f"""
[simulators.sim]
broker = "zerodha"
market = "numbered"
rate = {rate}
symbols = {symbols}

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "k", access_token = "t" }}
"""


@dataclass
class Tally:
    """The numbers of each symbol, as they come; pure."""

    received: int = 0
    last: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    #: When the last number of each symbol came.
    at: dict[str, float] = field(default_factory=dict)
    #: (time of the last number, time of this one, symbol, last number, this number)
    twice: list = field(default_factory=list)
    back: list = field(default_factory=list)
    missed: list = field(default_factory=list)
    #: Longest time between two numbers of a symbol, seconds.
    longest: dict[str, float] = field(default_factory=lambda: collections.defaultdict(float))
    #: Symbols whose last tick may be repeated, and during how many numbers more.
    greeted: dict[str, int] = field(default_factory=dict)

    def note(self, symbol: str, number: int, now: float) -> None:
        self.received += 1
        last = self.last.get(symbol)
        if last is None:
            self.first[symbol] = number
        else:
            self.longest[symbol] = max(self.longest[symbol], now - self.at[symbol])
            if symbol in self.greeted and self._is_greeting(symbol, number == last):
                self.received -= 1
                return
            if number != last + 1:
                wrong = (
                    self.twice if number == last else self.back if number < last else self.missed
                )
                wrong.append((self.at[symbol], now, symbol, last, number))
        self.last[symbol] = max(number, last or 0)
        self.at[symbol] = now

    def subscribed_anew(self):
        """The last value, then the broker's greeting or two, come before what is new."""
        self.greeted = dict.fromkeys(self.last, 2)

    def _is_greeting(self, symbol, repeated):
        if not repeated:
            self.greeted[symbol] -= 1
            if not self.greeted[symbol]:
                del self.greeted[symbol]
        return repeated

    def assert_exactly_once(self, symbols):
        """Every number from the first on, once and in order."""
        assert self.last.keys() == set(symbols)
        assert not self.missed, self.missed[:10]
        assert not self.twice, self.twice[:10]
        assert not self.back, self.back[:10]
        assert self.received == sum(self.last[s] - self.first[s] + 1 for s in symbols)


class Counting(threading.Thread):
    """A client that keeps a tally of everything it gets, until it is stopped."""

    def __init__(self, system, key, symbols, mode=1):
        super().__init__(daemon=True)
        self.tally = Tally()
        self.symbols = symbols
        self.closed = ""
        #: Messages that are no ticks.
        self.told = []
        self._context = system.connect(key)
        self._client = self._context.__enter__()
        wanted = [{"symbol": symbol, "exchange": "NSE"} for symbol in symbols]
        self._client.send(json.dumps({"action": "subscribe", "mode": mode, "symbols": wanted}))
        self._done = threading.Event()
        self.start()

    def run(self):
        while not self._done.is_set():
            try:
                message = json.loads(self._client.recv(timeout=0.5))
            except TimeoutError:
                continue
            except ConnectionClosed as closed:
                self.closed = str(closed)
                return
            if message.get("type") == "market_data":
                self.tally.note(message["symbol"], round(message["data"]["ltp"]), time.monotonic())
            else:
                self.told.append(message)

    def forget(self):
        """Begin anew: a change of a symbol's mode at the broker repeats its last tick."""
        self.tally = Tally()

    def stop(self):
        self._done.set()
        self.join(5)
        self._context.__exit__(None, None, None)


def everybody(system, key, *wanted):
    """A client for each (symbols, mode), all of which have begun to count anew.

    A client with a higher mode of a symbol that others hold goes last: the broker then says the
    symbol's last tick again.
    """
    clients = [Counting(system, key, symbols, mode) for symbols, mode in wanted]
    system.wait_for(lambda: all(c.tally.received > 20 * len(c.symbols) for c in clients))
    for client in clients:
        client.forget()
    return clients
