"""docs/market-data-service.md does what it says, and the Python client all it promises."""

import itertools
import json
import re
from pathlib import Path

import pytest
from system import MARKET

from marketdata.client import ClientError, MarketDataClient, RefusedError, UnreachableError

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

PAGE = Path(__file__).parents[2] / "docs" / "market-data-service.md"
ADDRESS = "http://127.0.0.1:8766"
SHARE = ("RELIANCE", "NSE")


def examples():
    """(path, request, the reply as the page shows it) of every curl."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    curl = re.compile(rf"curl -s {ADDRESS}(\S+) -d '(.*)'\s*", re.DOTALL)
    for (kind, asked), (_, told) in itertools.pairwise(blocks):
        if kind == "sh":
            path, body = curl.fullmatch(asked).groups()
            yield path, json.loads(body), json.loads(told)


def shape(value):
    """What a reply is made of: its keys, and the kinds of its values."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def test_the_page_and_the_client_on_a_running_system(system):
    one = system(MARKET).up()
    shown = list(examples())
    assert len(shown) == 5
    key = one.key("reader")
    for path, body, told in shown:
        _, reply = one.ask(path, **body | {"key": key, "apikey": key})
        assert shape(reply) == shape(told), (path, reply)
        if reply["status"] == "error":
            assert reply == told
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(code.replace(ADDRESS, one.api), {"KEY": key})  # noqa: S102 - our own page
    client = MarketDataClient(one.key("ann"), one.api)
    prices_and_orders(client)
    books_and_risk(one, client)
    refusals(one, client)


def prices_and_orders(client):
    quotes = client.quotes([SHARE, ("TCS", "NSE")])
    assert [quote.symbol for quote in quotes] == ["RELIANCE", "TCS"]
    book, [gate] = client.depth(*SHARE), client.gate([SHARE])
    assert book.asks[0].price > book.bids[0].price
    assert (gate.symbol, gate.adapter) == ("RELIANCE", "zerodha")
    assert client.status().sandbox == "open"

    low = round(book.bids[-1].price * 0.9, 1)
    terms = {"product": "CNC", "pricetype": "LIMIT", "price": low, "ref": "mine"}
    orderid = client.place(*SHARE, "BUY", 5, **terms)
    assert client.place(*SHARE, "BUY", 5, **terms) == orderid
    client.modify(orderid, 6, price=low)
    assert client.order(orderid).quantity == 6
    client.cancel(orderid)
    with pytest.raises(RefusedError) as refused:
        client.cancel(orderid)
    assert (refused.value.status, refused.value.rule) == (400, "order_state")
    other = client.place(*SHARE, "BUY", 5, product="CNC", pricetype="LIMIT", price=low)
    assert client.cancel_all() == [other]
    assert [order.order_status for order in client.orders()] == ["cancelled"] * 2


def books_and_risk(one, client):
    low = round(client.quote(*SHARE).ltp * 0.8, 1)
    bought = client.place(*SHARE, "BUY", 2, product="CNC")
    one.wait_for(lambda: client.order(bought).order_status == "complete")
    assert sum(trade.quantity for trade in client.trades()) == 2
    assert client.positions()[0].quantity == 2
    assert client.holdings() == []
    assert float(client.funds().utiliseddebits) > 0
    waiting = client.place_gtt(*SHARE, "BUY", 1, below=low, price=low)
    assert [gtt.trigger_id for gtt in client.gtts()] == [waiting]
    client.cancel_gtt(waiting)
    assert (client.gtts(), len(client.gtts(ended=True))) == ([], 1)

    assert [rule.stop for rule in client.set_exit(*SHARE, "CNC", stop=low)] == [low]
    assert client.set_exit(*SHARE, "CNC") == client.exits() == []
    assert client.set_limits(max_loss=5.5).max_loss == client.limits().max_loss == 5.5
    assert len(client.close(*SHARE)) == 1
    client.kill("test")
    with pytest.raises(RefusedError) as refused:
        client.place(*SHARE, "BUY", 1, product="CNC")
    assert refused.value.rule == "kill_switch"
    client.resume()
    assert "kill switch off" in {entry.action for entry in client.audit()}
    client.reset()
    assert client.positions() == []


def refusals(one, client):
    with pytest.raises(RefusedError) as refused:
        client.limits(user="bob")
    assert refused.value.status == 403
    with pytest.raises(RefusedError) as refused:
        MarketDataClient("wrong", one.api).status()
    assert refused.value.status == 403
    with pytest.raises(ClientError):
        client.kill("")
    with pytest.raises(UnreachableError):
        MarketDataClient("any", one.url().replace("ws://", "http://")).status()
