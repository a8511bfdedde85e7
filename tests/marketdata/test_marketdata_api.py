"""The HTTP API in front of a market: prices, errors, keys, and its own description."""

import asyncio
import json

import httpx
import pytest

from bus.access import LimitSettings
from bus.events import BrokerState
from bus.topics import Mode
from identity.authority import BusyError, Slow
from marketdata.api.app import MAX_BODY_BYTES, Door, application
from marketdata.api.data import DataCalls
from marketdata.api.endpoint import openalgo
from marketdata.api.openapi import describe
from marketdata.api.prices import Prices
from marketdata.api.replies.books import Funds
from marketdata.api.replies.orders import OrderId
from marketdata.api.requests import orders as shapes
from marketdata.api.requests.common import Account
from marketdata.asking import Asking
from marketdata.paper import Paper


class Keys:
    """An authority with a key per user."""

    def __init__(self, **users):
        self.users = users

    def verify(self, credential):
        answer = self.users.get(credential)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Api:
    """The application over a harness's market, asked in-process."""

    def __init__(self, one, keys, limits=None, more=()):
        self.asking = Asking(one.market)
        self.paper = Paper(one.market, self.asking)
        self.door = Door(keys, limits or LimitSettings(), one.clock, ["127.0.0.1"])
        rows = [
            *Prices(one.market, self.asking).endpoints(),
            *DataCalls(one.market, self.paper, lambda: 7).endpoints(),
            *more,
        ]
        transport = httpx.ASGITransport(application(rows, self.door))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def post(self, path, content=None, headers=None, **body):
        sent = json.dumps(body) if content is None else content
        reply = await self.client.post(path, content=sent, headers=headers)
        return reply.status_code, reply.json()


def run(coroutine):
    return asyncio.run(coroutine)


def test_quotes_and_depth_as_openalgo_words_them(harness, identity):
    async def go():
        one = harness()
        api = Api(one, Keys(k=identity()))
        one.tick(
            100.0, mode=Mode.DEPTH, open=99.0, high=101.0, low=98.0, close=97.0, volume=5, oi=3
        )
        status, reply = await api.post("/api/v1/quotes", apikey="k", symbol="INFY", exchange="NSE")
        assert status == 200
        assert reply["status"] == "success"
        assert reply["data"] | {"timestamp": 0} == {
            "open": 99.0,
            "high": 101.0,
            "low": 98.0,
            "ltp": 100.0,
            "ask": 101.0,
            "bid": 99.0,
            "prev_close": 97.0,
            "volume": 5,
            "oi": 3,
            "timestamp": 0,
        }
        one.tick(100.5)  # a younger price of another mode counts
        _, reply = await api.post("/api/v1/depth", apikey="k", symbol="INFY", exchange="NSE")
        assert reply["data"]["bids"] == [{"price": 99.0, "quantity": 10, "orders": 2}]
        assert reply["data"]["ltp"] == 100.5

    run(go())


def test_multiquotes_answer_each_symbol_for_itself(harness, identity):
    async def go():
        one = harness(first_tick_timeout_s=0.01)
        api = Api(one, Keys(k=identity(exchanges=frozenset({"NSE"}))))
        one.tick(100.0, mode=Mode.DEPTH)
        symbols = [
            {"symbol": "INFY", "exchange": "NSE"},
            {"symbol": "NONE", "exchange": "NSE"},
            {"symbol": "GOLD", "exchange": "MCX"},
            {"symbol": "INFY", "exchange": "NSE"},
        ]
        _, reply = await api.post("/api/v1/multiquotes", apikey="k", symbols=symbols)
        results = reply["results"]
        assert [one["symbol"] for one in results] == ["INFY", "NONE", "GOLD", "INFY"]
        assert results[0]["data"] == results[3]["data"]
        assert results[1]["error"] == "no price yet"
        assert results[2]["error"] == "This key may not have MCX"
        assert not any("MCX" in topic.decode() for topic in one.bus.wanted)

    run(go())


def test_a_quote_comes_only_from_adapters_that_the_key_may_have(harness, identity):
    async def go():
        one = harness(first_tick_timeout_s=0.01)
        api = Api(one, Keys(k=identity(adapters=frozenset({"b"})), z=identity(broker="b")))
        one.tick(100.0, mode=Mode.DEPTH, feed="a")
        for key in "kz":
            status, _ = await api.post("/api/v1/quotes", apikey=key, symbol="INFY", exchange="NSE")
            assert status == 404

    run(go())


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"apikey":"k"}', 400),
        (b'{"apikey":"k","symbol":7,"exchange":"NSE"}', 400),
        (b'{"apikey":"k","symbol":"","exchange":"NSE"}', 400),
        (b'{"apikey":"\xff","symbol":"A","exchange":"NSE"}', 400),
        (b'{"apikey":"wrong","symbol":"A","exchange":"NSE"}', 403),
        (b'{"symbol":"A","exchange":"NSE"}', 403),
        (b'{"apikey":"k","symbol":"A B","exchange":"NSE"}', 404),
        (b" " * (MAX_BODY_BYTES + 1), 413),
    ],
)
def test_errors_have_openalgos_shape_and_code(harness, identity, content, status):
    async def go():
        api = Api(harness(first_tick_timeout_s=0.01), Keys(k=identity()))
        got, reply = await api.post("/api/v1/quotes", content=content)
        assert got == status
        assert reply["status"] == "error"
        assert reply["message"]

    run(go())


def test_unknown_paths_and_methods_are_answered_in_json(harness, identity):
    async def go():
        api = Api(harness(), Keys(k=identity()))
        assert (await api.post("/api/v1/nothing"))[0] == 404
        reply = await api.client.get("/api/v1/quotes")
        assert (reply.status_code, reply.json()["status"]) == (405, "error")
        assert (await api.client.get("/healthz")).json() == {"status": "ok"}

    run(go())


def test_the_key_may_be_in_a_header_and_may_need_work(harness, identity):
    async def go():
        one = harness()

        async def slowly():
            return identity()

        api = Api(one, Keys(slow=Slow(slowly)))
        one.tick(1.0, mode=Mode.DEPTH)
        status, _ = await api.post(
            "/api/v1/quotes", headers={"X-API-KEY": "slow"}, symbol="INFY", exchange="NSE"
        )
        assert status == 200

    run(go())


def test_keys_that_cannot_be_checked_are_nobodys_fault(harness):
    async def go():
        api = Api(harness(), Keys(k=BusyError("too many")))
        status, reply = await api.post("/marketdata/v1/status", apikey="k")
        assert (status, "too many" in reply["message"]) == (503, False)

    run(go())


def test_pages_and_names_of_others_are_refused(harness, identity):
    async def go():
        api = Api(harness(), Keys(k=identity()))
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            status, _ = await api.post("/marketdata/v1/status", headers=headers, apikey="k")
            assert status == 403
        status, _ = await api.post(
            "/marketdata/v1/status", headers={"Host": "localhost:8766"}, apikey="k"
        )
        assert status == 200

    run(go())


def test_a_key_that_asks_too_often_is_told_so(harness, identity):
    async def go():
        limits = LimitSettings(messages_per_s=0.001, message_burst=3)
        api = Api(harness(), Keys(k=identity()), limits)
        got = [(await api.post("/marketdata/v1/status", apikey="k"))[0] for _ in range(5)]
        assert got == [200, 200, 200, 429, 429]

    run(go())


def test_orders_need_the_right_and_a_defect_is_not_shown(harness, identity):
    async def go():
        async def broken(_who, _asked):
            raise KeyError("secret inside")

        row = openalgo("x", "", Account, Funds, broken)
        api = Api(harness(), Keys(k=identity(), v=identity(orders=False)), more=[row])
        assert (await api.post("/api/v1/x", apikey="v"))[0] == 403
        status, reply = await api.post("/api/v1/x", apikey="k")
        assert status == 500
        assert "secret" not in str(reply)

    run(go())


def test_the_gate_and_the_status_say_how_things_are(harness, identity):
    async def go():
        one = harness()
        api = Api(one, Keys(k=identity()))
        one.tick(100.0)
        one.tick(25_000.0)
        ask = [{"symbol": "INFY", "exchange": "NSE"}, {"symbol": "TCS", "exchange": "NSE"}]
        _, reply = await api.post("/marketdata/v1/gate", apikey="k", symbols=ask)
        assert [(d["state"], d["safe"], d["ltp"]) for d in reply["data"]] == [
            ("live", False, 100.0),
            ("unknown", False, None),
        ]
        one.market.feeds.heard("a", BrokerState("needs_token", "expired"))
        _, reply = await api.post("/marketdata/v1/status", apikey="k")
        data = reply["data"]
        assert [(f["adapter"], f["state"]) for f in data["feeds"]] == [
            ("a", "needs_token"),
            ("b", "unknown"),
        ]
        assert (data["held_back"], data["lost_total"]) == ({"outlier": 1}, 7)

    run(go())


def test_the_description_names_every_call_and_every_reference_resolves(harness, identity):
    async def go():
        api = Api(harness(), Keys(k=identity()))
        told = (await api.client.get("/openapi.json")).json()
        assert set(told["paths"]) == {
            *(f"/api/v1/{name}" for name in ("quotes", "multiquotes", "depth")),
            *(f"/marketdata/v1/{name}" for name in ("gate", "status")),
        }

        def refs(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    yield node["$ref"]
                for value in node.values():
                    yield from refs(value)
            elif isinstance(node, list):
                for value in node:
                    yield from refs(value)

        for ref in refs(told):
            assert ref.removeprefix("#/components/schemas/") in told["components"]["schemas"]

    run(go())


def test_numbers_of_requests_may_be_text_in_the_description_too():
    row = openalgo("placeorder", "", shapes.PlaceOrder, OrderId, None)
    quantity = describe([row])["components"]["schemas"]["PlaceOrder"]["properties"]["quantity"]
    assert [option["type"] for option in quantity["anyOf"]] == ["integer", "string"]
    data = describe([row])["components"]["schemas"]["OrderIdReply"]["properties"]
    assert data["orderid"] == {"type": "string"}
