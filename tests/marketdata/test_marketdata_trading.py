"""Orders over HTTP on a real desk: what keys may touch, and what waits for whom."""

import asyncio
import json
import threading

import httpx
import pytest
from paper import Listed

from bus.access import LimitSettings
from bus.settings import SandboxSettings
from bus.topics import Mode
from marketdata import paper as paper_module
from marketdata.api import app as app_module
from marketdata.api.app import Door, application
from marketdata.api.books import Books
from marketdata.api.orders import Orders
from marketdata.api.prices import Prices
from marketdata.api.risk import Risk
from marketdata.api.triggers import Triggers
from marketdata.asking import Asking
from marketdata.paper import Paper
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.rules import Rules
from marketdata.sandbox.runner import DeskRunner
from marketdata.sandbox.store import Store

INFY = {"symbol": "INFY", "exchange": "NSE"}
GOLD = {"symbol": "GOLD05FEB26FUT", "exchange": "MCX"}
BUY = {"action": "BUY", "quantity": 1, "product": "MIS"}


class Service:
    """The application over a harness's market and a desk in its thread."""

    def __init__(self, one, keys, path):
        self.one, self.keys = one, keys
        one.bus.on_want = lambda *_: None
        self.asking = Asking(one.market)
        self.paper = Paper(one.market, self.asking)
        door = Door(self, LimitSettings(), one.clock, ["127.0.0.1"])
        calls = (
            Orders(self.paper), Books(self.paper), Triggers(one.market, self.paper),
            Risk(self.paper), Prices(one.market, self.asking),
        )  # fmt: skip
        rows = [row for call in calls for row in call.endpoints()]
        transport = httpx.ASGITransport(application(rows, door))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        self.runner = DeskRunner(
            lambda: Desk(
                Store(path),
                Listed(),
                one.clock,
                Rules.of(SandboxSettings()),
                last_value=self.paper.last_value,
            )
        )

    def verify(self, key):
        return self.keys.get(key)

    async def __aenter__(self):
        await self.runner.start()
        self.paper.open(self.runner, await self.runner.do(Desk.wanted))
        return self

    async def __aexit__(self, *_):
        self.paper.close()
        await self.runner.stop()

    async def ask(self, name, key, status=200, **body):
        path = name if name.startswith("/") else f"/api/v1/{name}"
        reply = await self.client.post(path, content=json.dumps({"apikey": key} | body))
        assert reply.status_code == status, (name, body, reply.text)
        return reply.json()

    async def rule(self, name, key, status=400, **body):
        """The rule that a refused call breaks."""
        return (await self.ask(name, key, status, **body))["rule"]


@pytest.fixture
def trading(harness, identity, tmp_path):
    """Runs a coroutine with the service: ann may all, nse a part of it, bob is another user."""

    def run(work, **settings):
        async def go():
            one = harness(first_tick_timeout_s=0.05, **settings)
            keys = {
                "ann": identity("ann"),
                "nse": identity("ann", exchanges=frozenset({"NSE"})),
                "b-only": identity("ann", adapters=frozenset({"b"})),
                "viewer": identity("vic", orders=False),
                "bob": identity("bob"),
                "admin": identity("root", admin=True),
            }
            one.tick(100.0, mode=Mode.DEPTH)
            one.tick(50.0, symbol=GOLD["symbol"], exchange="MCX", mode=Mode.DEPTH)
            async with Service(one, keys, tmp_path / "s.db") as service:
                await work(service)

        asyncio.run(go())

    return run


def test_a_first_order_goes_by_the_last_price_although_the_desk_saw_no_tick(trading):
    async def work(service):
        orderid = (await service.ask("placeorder", "ann", **INFY, **BUY))["orderid"]
        order = (await service.ask("orderstatus", "ann", orderid=orderid))["data"]
        assert (order["order_status"], order["average_price"]) == ("complete", 101.0)

    trading(work)


def test_a_key_of_one_exchange_has_nothing_of_the_others(trading):
    async def work(service):
        gold = BUY | {"product": "NRML", "pricetype": "LIMIT", "price": 40, "quantity": 1}
        theirs = (await service.ask("placeorder", "ann", **GOLD, **gold))["orderid"]
        bought = (await service.ask("placeorder", "ann", **GOLD, **BUY))["orderid"]
        await service.ask("placeorder", "ann", **INFY, **BUY)
        gtt = GOLD | {"action": "BUY", "quantity": 1, "product": "NRML", "price": 40}
        waiting = await service.ask("placegttorder", "ann", **gtt, triggerprice_sl=40)
        trigger = {"trigger_id": waiting["trigger_id"]}
        before = await service.ask("funds", "ann")

        one = {"orderid": theirs}
        for name, body in [
            ("placeorder", GOLD | BUY),
            ("placesmartorder", GOLD | BUY | {"position_size": 1}),
            ("basketorder", {"orders": [INFY | BUY, GOLD | BUY]}),
            ("splitorder", GOLD | BUY | {"splitsize": 1}),
            ("modifyorder", one | {"quantity": 1, "price": 41}),
            ("cancelorder", one),
            ("orderstatus", one),
            ("margin", {"positions": [GOLD | BUY]}),
            ("openposition", GOLD | {"product": "MIS"}),
            ("placegttorder", gtt | {"triggerprice_sl": 40}),
            ("modifygttorder", gtt | {"triggerprice_sl": 40} | trigger),
            ("cancelgttorder", trigger),
            ("/marketdata/v1/exits/set", GOLD | {"product": "MIS", "stop": 1}),
        ]:
            assert await service.rule(name, "nse", 403, **body) == "exchange", name
        for name in ("limits/set", "kill", "reset", "audit"):
            await service.ask(f"/marketdata/v1/{name}", "nse", 403, reason="x")
        assert await service.ask("funds", "ann") == before

        books = [await service.ask(name, "nse") for name in ("tradebook", "positionbook")]
        books.append({"data": (await service.ask("orderbook", "nse"))["data"]["orders"]})
        assert [{row["exchange"] for row in book["data"]} for book in books] == [{"NSE"}] * 3
        assert (await service.ask("gttorderbook", "nse"))["data"] == []
        assert (await service.ask("cancelallorder", "nse"))["canceled_orders"] == []
        assert (await service.ask("closeposition", "nse"))["closed_positions"] == 1
        assert (await service.ask("orderstatus", "ann", orderid=bought))["data"]["quantity"] == 1
        assert (await service.ask("cancelallorder", "ann"))["canceled_orders"] == [theirs]

    trading(work)


def test_a_key_of_one_adapter_trades_only_what_that_feeds(trading):
    async def work(service):
        await service.ask("placeorder", "b-only", 403, **INFY, **BUY)
        service.one.tick(100.0, feed="b")
        await service.ask("placeorder", "b-only", **INFY, **BUY)

    trading(work)


def test_prices_of_two_adapters_are_never_mixed(trading):
    async def work(service):
        service.one.tick(200.0, feed="b", mode=Mode.DEPTH)
        for key in ("ann", "b-only"):
            orderid = (await service.ask("placeorder", key, **INFY, **BUY))["orderid"]
            order = (await service.ask("orderstatus", "ann", orderid=orderid))["data"]
            assert order["average_price"] == 101.0

    trading(work)


def test_risk_of_others_is_for_administrators_and_their_names_are_kept(trading):
    async def work(service):
        kill = "/marketdata/v1/kill"
        await service.ask("placeorder", "ann", **INFY, **BUY)
        for name in ("kill", "limits", "limits/set", "exits", "reset", "audit"):
            await service.ask(f"/marketdata/v1/{name}", "bob", 403, user="ann", reason="x")
        await service.ask("/marketdata/v1/exits/set", "bob", 403, user="ann", **INFY, product="MIS")
        assert (await service.ask("positionbook", "ann"))["data"][0]["quantity"] == 1

        assert len((await service.ask(kill, "admin", user="ann", reason="enough"))["orderids"]) == 1
        assert (await service.ask("positionbook", "ann"))["data"][0]["quantity"] == 0
        assert await service.rule("placeorder", "ann", **INFY, **BUY) == "kill_switch"
        limits = await service.ask("/marketdata/v1/limits", "admin", user="ann")
        assert limits["data"]["killed"] == "enough"
        audit = (await service.ask("/marketdata/v1/audit", "ann"))["data"]
        assert ("kill switch", "by root") in [(line["action"], line["detail"]) for line in audit]
        await service.ask(kill, "ann", reason="")
        await service.ask("placeorder", "ann", **INFY, **BUY)
        # Nobody's account is opened by a misspelt name.
        for name in ("kill", "limits", "exits", "limits/set", "reset"):
            path = f"/marketdata/v1/{name}"
            assert await service.rule(path, "admin", 404, user="an", reason="x") == "account"

    trading(work)


def test_orders_need_the_right(trading):
    async def work(service):
        await service.ask("placeorder", "viewer", 403, **INFY, **BUY)
        await service.ask("quotes", "viewer", **INFY)

    trading(work)


def test_a_desk_that_stalls_keeps_prices_from_nobody(trading, monkeypatch):
    monkeypatch.setattr(app_module, "MAX_AT_ONCE", 3)
    monkeypatch.setattr(paper_module, "_ANSWER_S", 0.5)
    held, go = threading.Event(), threading.Event()

    async def work(service):
        stall = asyncio.create_task(service.runner.do(lambda _: (held.set(), go.wait(30))))
        await asyncio.to_thread(held.wait, 30)
        body = {"apikey": "ann"}
        asked = [
            asyncio.create_task(service.client.post("/api/v1/funds", json=body)) for _ in range(5)
        ]
        for _ in range(5):
            assert (await service.ask("quotes", "ann", **INFY))["data"]["ltp"] == 100.0
        codes = sorted([(await one).status_code for one in asked])
        assert codes == [429, 429, 503, 503, 503]
        go.set()
        await stall
        await service.ask("funds", "ann")

    trading(work)
