"""A busy paper account in a process that a test kills at any moment: `test_sandbox_crashes.py`.

    python paper_client.py FOLDER SEED FIRST LAST UNIX_NS

Places orders FIRST to LAST, each with its number as the mark of the client, changes and cancels
some, and lets prices wander. Each line on standard output is news that is out, for good:

    told ID STATUS FILLED EVENT     the desk's outlet, after the commit
    placed NUMBER ID                the answer to an order
    refused NUMBER
    over UNIX_NS
"""

import asyncio
import os
import random
import sys
from contextlib import suppress
from pathlib import Path

from paper import Listed, StillClock, depth, ltp

from bus.settings import SandboxSettings
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.errors import Rejection
from marketdata.sandbox.model import Change, ExitRule, GttRequest, LegRequest, OrderRequest
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.runner import DeskRunner
from marketdata.sandbox.store import Store

SYMBOLS = [f"SHARE{number}" for number in range(8)]
STEP = 50_000
#: Prices start here, and stay within half and one and a half of it.
MIDDLE = 2000
SETTINGS = SandboxSettings(starting_capital=2_000_000)


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Client:
    def __init__(self, folder, seed, now_ns):
        self.random = random.Random(seed)
        self.clock = StillClock()
        self.clock.now_ns = now_ns
        self.prices = dict.fromkeys(SYMBOLS, MIDDLE)
        self.ids = []
        self.runner = DeskRunner(lambda: self.open(folder))

    def open(self, folder):
        return Desk(
            Store(folder / "sandbox.db"), Listed(), self.clock, Rules.of(SETTINGS),
            outlet=lambda o: say("told", o.id, o.status, o.filled_quantity, o.event),
            last_value=lambda _exchange, symbol: (self.quote(symbol), self.clock.now_ns),
        )  # fmt: skip

    def quote(self, symbol):
        price = round(self.prices[symbol] * 0.05, 2)
        if symbol == SYMBOLS[0]:
            return ltp(symbol, price)
        sides = [(round(price + side * 0.05, 2), 3 + self.prices[symbol] % 5) for side in (-1, 1)]
        return depth(symbol, price, bids=sides[:1], asks=sides[1:])

    async def run(self, first, last):
        await self.runner.start()
        for number in range(first, last + 1, 8):
            await asyncio.gather(*(self.place(n) for n in range(number, min(number + 8, last + 1))))
            self.runner.tell([self.tick() for _ in range(10)])
            await self.meddle()
            self.clock.go(self.random.choice([0.1, 1, 5]))
            if self.random.random() < 0.01:
                self.clock.go(9 * 3600)  # square-off, T+1 and the new day come by
        await self.runner.stop()
        say("over", self.clock.now_ns)

    def tick(self):
        symbol = self.random.choice(SYMBOLS)
        price = self.prices[symbol] + self.random.randint(-12, 12)
        self.prices[symbol] = min(max(price, MIDDLE // 2), MIDDLE * 3 // 2)
        return self.quote(symbol), self.clock.now_ns

    async def place(self, number):
        choose = random.Random(number)  # whoever asks again asks for the same
        kind = choose.choice(["MARKET", "LIMIT", "LIMIT", "SL", "SL-M"])
        action = choose.choice(["BUY", "SELL"])
        price = (MIDDLE + choose.randint(-60, 60)) * STEP
        request = OrderRequest(
            exchange="NSE", symbol=choose.choice(SYMBOLS), action=action, pricetype=kind,
            quantity=choose.randint(1, 12), product=choose.choice(["CNC", "MIS", "MIS"]),
            price=price, trigger_price=price, ref=str(number),
        )  # fmt: skip
        try:
            order_id = await self.runner.do(lambda desk: desk.place("asha", request))
        except Rejection:
            say("refused", number)
        else:
            say("placed", number, order_id)
            self.ids.append(order_id)

    async def meddle(self):
        """Whatever else may be under way when the lights go out."""
        pick = self.random.choice
        symbol, at = pick(SYMBOLS), (MIDDLE + self.random.randint(-40, 40)) * STEP
        legs = [
            LegRequest(action="BUY", quantity=2, trigger_price=price, price=price)
            for price in (at - 90 * STEP, at + 90 * STEP)
        ]
        gtt = GttRequest(exchange="NSE", symbol=symbol, product="MIS", legs=legs)
        rule = ExitRule(
            account="asha", exchange="NSE", symbol=symbol, product="MIS", trail=4 * STEP
        )
        order_id = pick(self.ids) if self.ids else ""
        act = pick([
            lambda desk: desk.cancel("asha", order_id),
            lambda desk: desk.modify("asha", order_id, Change(price=at, quantity=5)),
            lambda desk: desk.place_gtt("asha", gtt),
            lambda desk: desk.set_exit_rule(rule),
            lambda desk: desk.close_position("asha", symbol=symbol),
        ])  # fmt: skip
        with suppress(Rejection):
            await self.runner.do(act)


if __name__ == "__main__":
    folder, seed, first, last, now_ns = sys.argv[1:]
    client = Client(Path(folder), int(seed), int(now_ns))
    asyncio.run(client.run(int(first), int(last)))
