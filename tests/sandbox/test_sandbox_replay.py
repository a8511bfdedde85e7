"""The same real ticks give the same fills: again, in other batches, and with nothing skipped."""

import contextlib
import gzip
import hashlib
import itertools
import json
import random
from datetime import datetime

import pytest
from paper import Bench, Listed, assert_balanced

from bus.market.hours import IST
from bus.market.instruments import Contract
from bus.market.ticks import BidAsk, DepthData, Level
from marketdata.sandbox.errors import Rejection
from marketdata.sandbox.model import GttRequest, LegRequest
from marketdata.sandbox.money import RUPEE, to_micros
from marketdata.sandbox.quote import seen_of
from marketdata.sandbox.state import Symbol

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(300)]

TICKS = 12_000
SHARES = {"NSE_EQ|INE027H01010": "MAXHEALTH", "NSE_EQ|INE118H01025": "BSE"}
#: Of the fills below; whoever changes what fills changes it on purpose.
DIGEST = "9ad6d2687975020f7c2c6f2987eb9c1ec0b3dafc0a63e4409106d1dd3c661b6e"


class Terms(Listed):
    """All of it lies on a tick of 5 paise and has no lots."""

    def find(self, exchange, symbol):
        kind = "share" if exchange == "NSE" else "option"
        return Contract(exchange, symbol, kind, None, 1, 50_000, 0, RUPEE)


@pytest.fixture(scope="module")
def ticks(data_folder):
    """Real trades and books of two shares and eight options, with their times of receipt."""
    path = data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz"
    with gzip.open(path) as lines:
        rows = [json.loads(line) for line in itertools.islice(lines, TICKS)]
    return [tick for row in rows if (tick := seen(row)) is not None]


def seen(row):
    full = row["ff"]["marketFF"]
    book = full.get("marketLevel", {}).get("bidAskQuote", [])
    sides = [
        [Level(level[p], int(level.get(q, 0))) for level in book if level.get(p)]
        for p, q in (("bidP", "bidQ"), ("askP", "askQ"))
    ]
    share = SHARES.get(row["k"])
    exchange, symbol = ("NSE", share) if share else ("NFO", "O" + row["k"].rpartition("|")[2])
    received = datetime.fromisoformat(row["t"]).replace(tzinfo=IST)
    price, volume = full["ltpc"]["ltp"], int(full.get("vtt", 0))
    tick = DepthData(
        symbol=symbol, exchange=exchange, ltp=price, volume=volume, timestamp=0,
        bids=sides[0], asks=sides[1], depth=BidAsk(*sides),
    )  # fmt: skip
    return seen_of(tick), int(received.timestamp() * 1e6) * 1000


def trade(folder, ticks, batch):
    """Play them to a desk whose client trades by dice; gives back all fills."""
    folder.mkdir()
    bench, dice = Bench(folder, instruments=Terms()), random.Random(5)
    for at in range(0, len(ticks), 84):
        some = ticks[at : at + 84]
        for start in range(0, len(some), batch):
            piece = some[start : start + batch]
            bench.clock.now_ns = piece[-1][1]
            bench.desk.on_ticks(piece)
        tick, _ = some[-1]
        bench.ticks[tick.exchange, tick.symbol] = some[-1]
        order(bench, dice, tick)
    assert_balanced(bench.desk, bench.desk._durable.store)
    trades = bench.desk._durable.store.trades_of("asha")
    bench.desk.close()
    return [(t.order_id, t.fill, t.action, t.symbol, t.quantity, t.price) for t in trades]


def order(bench, dice, tick):
    """An order of any kind near the last price, or now and then a GTT."""
    near = round(tick.ltp * 20) + dice.randint(-6, 6)
    action, price = dice.choice(["BUY", "SELL"]), to_micros(str(near / 20))
    kind = dice.choice(["MARKET", "LIMIT", "LIMIT", "SL", "SL-M", "GTT"])
    place = {"symbol": tick.symbol, "exchange": tick.exchange}
    with contextlib.suppress(Rejection):
        if kind == "GTT":
            leg = LegRequest(action=action, quantity=20, trigger_price=price, price=price)
            bench.desk.place_gtt("asha", GttRequest(**place, product="MIS", legs=[leg]))
        else:
            quantity = dice.choice([1, 50, 700])
            prices = {"price": price / RUPEE, "trigger_price": price / RUPEE}
            bench.place(action, quantity, pricetype=kind, **place, **prices)


def test_the_same_ticks_give_the_same_fills(ticks, tmp_path):
    fills = trade(tmp_path / "one", ticks, batch=1)
    digest = hashlib.sha256(json.dumps(fills).encode()).hexdigest()
    assert len(fills) > 100
    assert sorted(trade(tmp_path / "batches", ticks, batch=12)) == sorted(fills)
    assert digest == DIGEST


def test_what_is_skipped_would_have_moved_nothing(ticks, tmp_path, monkeypatch):
    fills = trade(tmp_path / "skipping", ticks, batch=12)
    monkeypatch.setattr(Symbol, "is_calm", False)
    assert trade(tmp_path / "looking", ticks, batch=12) == fills
