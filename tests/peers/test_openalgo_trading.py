"""The unmodified `openalgo` package trades on paper, on recorded real ticks.

Recording -> simulator (Kite's wire protocol) -> adapter -> bus -> market-data service, each a
process of its own; the package is aimed at the service's port. The recording is paused where a
fill is to be compared with the book that the package itself was shown.
"""

import contextlib
import gzip
import itertools
import json
import subprocess
import urllib.request
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.peer,
    pytest.mark.realdata,
    pytest.mark.process,
    pytest.mark.timeout(280),
]

TRADER = Path(__file__).with_name("openalgo_trader.py")
RECORDING = Path("upstox-nse-2025-12-15", "ticks.jsonl.gz")
MASTER = Path("instrument-masters", "upstox_nse_2025-10-05.jsonl.gz")
#: Of the recording, to half past eleven: two shares, and a contract, which has expired.
KEPT = (b'"k":"NSE_EQ|INE118H01025"', b'"k":"NSE_EQ|INE027H01010"', b'"k":"NSE_FO|51502"')
LINES = 80_000
CAPITAL = 100_000_000.0
CONFIG = """
[simulators.recorded]
broker = "zerodha"
data = "{recording}"
master = "{master}"
speed = 60
loop = true

[adapters.zerodha]
url = "simulator:recorded"
instruments = "simulator:recorded"
credentials = {{ api_key = "made-up", access_token = "made-up" }}

[sandbox]
starting_capital = 100000000
max_price_age_s = 600
"""
BSE = {"symbol": "BSE", "exchange": "NSE"}
MAX = {"symbol": "MAXHEALTH", "exchange": "NSE"}
BUY = BSE | {"action": "BUY", "product": "CNC"}


class Trader:
    """The package in its own process; every method is the package's own."""

    def __init__(self, process):
        self._process = process

    def __getattr__(self, method):
        def call(**arguments):
            self._process.stdin.write(json.dumps([method, arguments]) + "\n")
            self._process.stdin.flush()
            for line in self._process.stdout:  # the package prints, too
                if line.startswith("="):
                    return json.loads(line[1:])
            raise AssertionError(f"{method} ended the process")

        return call

    def done(self, method, **arguments):
        """A call that must succeed."""
        reply = getattr(self, method)(**arguments)
        assert reply.get("status") == "success", (method, arguments, reply)
        return reply

    def refused(self, method, **arguments):
        """The rule that a call breaks."""
        reply = getattr(self, method)(**arguments)
        assert reply["status"] == "error", (method, arguments, reply)
        return json.loads(reply["message"].partition(": ")[2])["rule"]

    def order_now(self, orderid):
        return self.done("orderstatus", order_id=orderid)["data"]

    def money(self):
        return {k: float(v) for k, v in self.done("funds")["data"].items()}


@contextlib.contextmanager
def trader(one, python, key):
    urls = one.process("marketdata")["endpoint"], one.url()
    with subprocess.Popen(
        [python, TRADER, *urls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write(key + "\n")
        yield Trader(process)
        process.stdin.close()
    assert process.returncode == 0


def control(one, command):
    address = one.process("recorded")["endpoint"].replace("ws://", "http://")
    with urllib.request.urlopen(f"{address}/control?{command}", timeout=10) as reply:
        assert reply.status == 200


@pytest.fixture(scope="module")
def recording(data_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / RECORDING.name
    with gzip.open(data_folder / RECORDING) as whole, gzip.open(path, "wb", 1) as part:
        for line in itertools.islice(whole, LINES):
            if any(key in line for key in KEPT):
                part.write(line)
    return path


@pytest.fixture
def one(system, data_folder, recording):
    return system(CONFIG.format(recording=recording, master=data_folder / MASTER)).up()


def two(peer_python):
    """The 2.x line has order events and GTT."""
    try:
        return peer_python("openalgo2", (3, 12))
    except LookupError as error:
        return pytest.skip(f"NOT RUN: openalgo 2 {error}")


@pytest.fixture(params=[1, 2])
def line(request):
    return request.param


@pytest.fixture
def python(line, peer_python):
    return peer_python("openalgo") if line == 1 else two(peer_python)


def shown_and_paused(one, peer):
    """The book that the package sees, which then stands still."""
    one.wait_for(lambda: peer.quotes(**BSE).get("status") == "success", 60)
    one.wait_for(lambda: peer.depth(**MAX).get("status") == "success", 60)
    peer.done("margin", positions=[BUY | {"quantity": 1, "pricetype": "MARKET"}])
    control(one, "pause=on")
    books = []

    def stands():
        books.append((peer.done("depth", **BSE)["data"], peer.done("depth", **MAX)["data"]))
        return len(books) > 1 and books[-1] == books[-2]

    one.wait_for(stands)
    return books[-1]


def around(book):
    """Prices below and above all that could meet an order: the book, and the last trade."""
    low = min(book["bids"][0]["price"], book["ltp"])
    high = max(book["asks"][0]["price"], book["ltp"])
    return round(low - 2 * TICK, 2), round(high + 2 * TICK, 2)


def test_the_package_places_modifies_and_cancels_and_every_book_agrees(one, python, line):
    key, other = one.key("ann"), one.key("bob")
    with trader(one, python, key) as peer, trader(one, python, other) as bob:
        book, _ = shown_and_paused(one, peer)
        quote = peer.done("quotes", **BSE)["data"]
        assert (quote["ltp"], quote["ask"]) == (book["ltp"], book["asks"][0]["price"])
        many = peer.done("multiquotes", symbols=[BSE, MAX])["results"]
        assert many[0]["data"] == quote
        assert peer.money()["availablecash"] == CAPITAL

        # A market order takes the book level by level, as far as it shows quantities.
        first, second = book["asks"][:2]
        quantity = first["quantity"] + min(second["quantity"], 2)
        bought = peer.done("placeorder", **BUY, price_type="MARKET", quantity=quantity)["orderid"]
        spent = first["price"] * first["quantity"]
        spent += second["price"] * (quantity - first["quantity"])
        order = peer.order_now(bought)
        assert order["order_status"] == "complete"
        assert order["average_price"] == pytest.approx(spent / quantity, abs=1e-4)
        trades = peer.done("tradebook")["data"]
        assert [t["orderid"] for t in trades] == [bought] * len(trades)
        assert sum(t["trade_value"] for t in trades) == pytest.approx(spent)
        assert peer.money()["utiliseddebits"] == pytest.approx(spent, abs=0.01)
        [position] = peer.done("positionbook")["data"]
        assert (position["quantity"], position["ltp"]) == (quantity, book["ltp"])
        assert peer.done("openposition", **BSE, product="CNC")["quantity"] == str(quantity)
        assert peer.done("holdings")["data"]["holdings"] == []

        # A limit order rests, is changed until it is met, and another is cancelled.
        low = book["bids"][-1]["price"] - 5
        before = peer.money()
        terms = BUY | {"price_type": "LIMIT", "quantity": 2, "price": low}
        resting = [peer.done("placeorder", **terms)["orderid"] for _ in range(2)]
        assert peer.money()["availablecash"] == pytest.approx(before["availablecash"] - 4 * low)
        met = peer.done("orderbook")["data"]
        assert (met["statistics"]["total_open_orders"], len(met["orders"])) == (2, 3)
        peer.done("modifyorder", order_id=resting[0], **terms | {"quantity": 1})
        assert peer.order_now(resting[0])["quantity"] == 1
        high = second["price"] + 5
        peer.done("modifyorder", order_id=resting[0], **terms | {"quantity": 1, "price": high})
        assert peer.order_now(resting[0])["order_status"] == "complete"
        assert peer.order_now(resting[0])["average_price"] < high
        peer.done("cancelorder", order_id=resting[1])
        assert peer.order_now(resting[1])["order_status"] == "cancelled"

        # Every other order call.
        refusals_leave_no_trace(peer, quantity)
        several_orders(peer, book)
        closed = peer.done("closeposition")
        assert closed["closed_positions"] == 2
        assert bob.done("orderbook")["data"]["orders"] == []
        assert bob.money()["availablecash"] == CAPITAL
        mine = bob.done("placeorder", **BUY, price_type="MARKET", quantity=1)["orderid"]
        if line == 2:
            told_as_the_books_say(one, peer, bob, mine)


def several_orders(peer, book):
    low = book["bids"][-1]["price"] - 5
    waits = BUY | {"pricetype": "LIMIT", "price": low, "quantity": 1}
    basket = peer.done(
        "basketorder",
        orders=[waits, MAX | {"action": "BUY", "product": "CNC", "quantity": 3}],
    )["results"]
    assert [one["status"] for one in basket] == ["success"] * 2
    pieces = peer.done("splitorder", **terms_of(waits), quantity=5, splitsize=2)["results"]
    assert [one["quantity"] for one in pieces] == [2, 2, 1]
    smart = peer.done(
        "placesmartorder", **MAX, action="BUY", product="CNC", quantity=1, position_size=5
    )
    assert peer.order_now(smart["orderid"])["quantity"] == 2
    assert peer.done("openposition", **MAX, product="CNC")["quantity"] == "5"
    margin = peer.done("margin", positions=[waits | {"price": 100, "quantity": 7}])["data"]
    assert margin["total_margin_required"] == 700
    cancelled = peer.done("cancelallorder")["canceled_orders"]
    assert set(cancelled) == {basket[0]["orderid"], *(one["orderid"] for one in pieces)}


def terms_of(order):
    return {k: v for k, v in order.items() if k not in {"pricetype", "quantity"}} | {
        "price_type": order["pricetype"]
    }


def refusals_leave_no_trace(peer, held):
    before = peer.money(), peer.done("orderbook"), peer.done("positionbook")
    order = BUY | {"price_type": "LIMIT", "price": 100, "quantity": 1}
    for change, rule in [
        ({"quantity": 10**6}, "margin"),
        ({"price": 100.001}, "tick_size"),
        ({"price": 0}, "price"),
        ({"price_type": "SL", "trigger_price": 101}, "stop_limit"),
        ({"price_type": "SL-M"}, "trigger_price"),
        ({"product": "NRML"}, "product"),
        ({"symbol": "NOSUCH"}, "symbol"),
        ({"symbol": "BANKNIFTY30DEC2559800PE", "exchange": "NFO", "product": "NRML"}, "expired"),
    ]:
        assert peer.refused("placeorder", **order | change) == rule
    assert peer.refused("cancelorder", order_id="1") == "order"
    assert (peer.money(), peer.done("orderbook"), peer.done("positionbook")) == before
    # Shares that are not there: kept as a rejected order, as OpenAlgo does; nothing is blocked.
    sale = order | {"action": "SELL", "quantity": held + 100}
    assert peer.refused("placeorder", **sale) == "holdings"
    assert peer.done("orderbook")["data"]["orders"][-1]["order_status"] == "rejected"
    assert peer.money() == before[0]


def told_as_the_books_say(one, peer, bob, bobs_order):
    """Each order's last event is what the order book says, and none is anybody else's."""
    orders = {o["orderid"]: o for o in peer.done("orderbook")["data"]["orders"]}

    def last():
        return {event["orderid"]: event for event in peer.events()}

    one.wait_for(lambda: last().keys() == orders.keys())
    for orderid, event in last().items():
        assert (event["mode"], event["broker"]) == ("analyze", "sandbox")
        for name in ("order_status", "filled_quantity", "average_price", "symbol", "quantity"):
            assert event[name] == orders[orderid][name]
    one.wait_for(lambda: {event["orderid"] for event in bob.events()} == {bobs_order})


TICK = 0.05


def test_resting_orders_and_stops_fill_on_the_recorded_ticks(one, peer_python):
    key = one.key("ann")
    with trader(one, peer_python("openalgo"), key) as peer, one.connect(key) as client:
        client.send(json.dumps({"action": "subscribe_orders"}))
        book, _ = shown_and_paused(one, peer)
        peer.done("placeorder", **BUY, price_type="MARKET", quantity=20)
        low, high = around(book)
        sell = BUY | {"action": "SELL"}

        def placed(price_type, order, **price):
            return peer.done("placeorder", **order, price_type=price_type, quantity=5, **price)[
                "orderid"
            ]

        # Wherever the price goes, one of each pair is met.
        limits = placed("LIMIT", BUY, price=low), placed("LIMIT", sell, price=high)
        stops = (
            placed("SL-M", BUY, trigger_price=high),
            placed("SL-M", sell, trigger_price=low),
        )
        assert {peer.order_now(one)["order_status"] for one in limits} == {"open"}
        assert {peer.order_now(one)["order_status"] for one in stops} == {"trigger pending"}
        lives = {orderid: [] for orderid in (*limits, *stops)}

        def is_filled(pair):
            return any("complete" in lives[orderid] for orderid in pair)

        control(one, "pause=off")
        while not (is_filled(limits) and is_filled(stops)):
            event = json.loads(client.recv(timeout=120))
            if event.get("orderid") in lives:
                lives[event["orderid"]].append(event["order_status"])
        assert {lives[orderid][0] for orderid in stops} == {"trigger pending"}
        for orderid, price, side in zip(limits, (low, high), (1, -1), strict=True):
            if lives[orderid][-1] == "complete":
                assert peer.order_now(orderid)["average_price"] * side <= price * side
        # The position is marked with every tick.
        seen = {peer.done("positionbook")["data"][0]["ltp"]}
        one.wait_for(lambda: peer.done("positionbook")["data"][0]["ltp"] not in seen, 60)


def test_gtt_orders_wait_change_and_fire_once(one, peer_python):
    with trader(one, two(peer_python), one.key("ann")) as peer:
        book, _ = shown_and_paused(one, peer)
        low, high = around(book)
        peer.done("placeorder", **BUY, price_type="MARKET", quantity=4)
        single = BUY | {"trigger_type": "SINGLE", "quantity": 1, "price_type": "LIMIT"}
        far = round(low * 0.8, 1)
        waiting = peer.done("placegttorder", **single, triggerprice_sl=far, price=far)
        changed = single | {"quantity": 2}
        gtt = {"trigger_id": waiting["trigger_id"]}
        peer.done("modifygttorder", **gtt, **changed, triggerprice_sl=far, price=far)
        # Wherever the price goes, one leg is met; both take any price then.
        oco = BSE | {"action": "SELL", "product": "CNC", "quantity": 4, "trigger_type": "OCO"}
        prices = {
            "triggerprice_sl": low,
            "stoploss": round(low * 0.9, 1),
            "triggerprice_tg": high,
            "target": round(low * 0.9, 1),
        }
        pair = peer.done("placegttorder", **oco, **prices)["trigger_id"]
        told = {one["trigger_id"]: one for one in peer.done("gttorderbook")["data"]}
        assert told[waiting["trigger_id"]]["legs"][0]["quantity"] == 2
        assert (told[pair]["trigger_type"], told[pair]["status"]) == ("two-leg", "active")
        control(one, "pause=off")

        def sold():
            orders = peer.done("orderbook")["data"]["orders"]
            return [o for o in orders if o["action"] == "SELL" and o["order_status"] == "complete"]

        one.wait_for(sold, 120)
        assert [order["quantity"] for order in sold()] == [4]
        everything = peer.done("gttorderbook", status="all")["data"]
        [fired] = [one for one in everything if one["trigger_id"] == pair]
        assert fired["status"] == "triggered"
        assert sorted(leg["status"] for leg in fired["legs"]) == ["cancelled", "triggered"]
        peer.done("cancelgttorder", **gtt)
        assert peer.done("gttorderbook")["data"] == []
