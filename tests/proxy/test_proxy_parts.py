"""The small pure parts: wire, envelope, demand, feeds, routing, holdings, totals."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.control.messages import PublisherEntry
from bus.events import Accepted, BrokerState
from bus.settings import AdapterEntry
from bus.topics import Mode
from proxy import statsfile
from proxy.clients.subscriptions import Holdings, Subscription
from proxy.fanout.envelope import Envelope
from proxy.protocol.requests import Instrument
from proxy.protocol.wire import text_frame
from proxy.routing.demand import Demand
from proxy.routing.feeds import Feeds
from proxy.routing.rules import Routing
from proxy.totals import Totals

A, B = b"Z_NSE_A_LTP\0", b"Z_NSE_B_LTP\0"


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, "8100"),
        (125, "817d"),
        (126, "817e007e"),
        (65535, "817effff"),
        (65536, "817f0000000000010000"),
    ],
)
def test_text_frame_has_the_header_of_its_length(length, header):
    assert text_frame(b"x" * length) == bytes.fromhex(header) + b"x" * length


@given(symbol=st.text(min_size=1, max_size=5), exchange=st.sampled_from(["NSE", " nse", "Nse"]))
def test_envelope_keeps_any_spelling_and_says_it_inside_the_data_too(symbol, exchange):
    one = Subscription("NSE", "SBIN", Mode.QUOTE, Instrument(symbol, exchange))
    envelope = Envelope(A[:-1], "zerodha", one, 1)
    wrapped = envelope.wrap(b'{"symbol":"SBIN","exchange":"NSE","ltp":1.5}')
    push = json.loads(wrapped[4:])
    assert list(push) == ["type", "symbol", "exchange", "mode", "data", "broker", "topic"]
    assert (push["symbol"], push["exchange"], push["mode"]) == (symbol, exchange, 2)
    assert push["data"] == {"symbol": symbol, "exchange": exchange, "ltp": 1.5}
    assert push["topic"] == f"{symbol}.{exchange}"


class Log:
    def __init__(self):
        self.calls = []

    def subscribe(self, adapter, topic):
        self.calls.append(("+", adapter, topic))

    def unsubscribe(self, adapter, topic):
        self.calls.append(("-", adapter, topic))


def test_demand_tells_the_bus_of_the_first_and_the_last_holder():
    log = Log()
    demand = Demand(log)
    demand.take("z", A)
    demand.take("z", A)
    demand.release(A)
    assert log.calls == [("+", "z", A)]
    demand.release(A)
    assert log.calls[1:] == [("-", "z", A)]
    assert len(demand) == 0


def test_demand_keeps_a_verdict_while_the_topic_is_wanted():
    demand = Demand(Log())
    accepted = Accepted("Z_NSE_A_LTP")
    demand.note(accepted)  # nobody asked
    assert demand.verdict(A) is None
    demand.take("z", A)
    demand.note(accepted)
    assert demand.verdict(A) is accepted
    demand.forget("other")
    assert demand.verdict(A) is accepted
    demand.forget("z")
    assert demand.verdict(A) is None
    demand.note(accepted)
    demand.release(A)
    demand.take("z", A)
    assert demand.verdict(A) is None


def test_demand_tells_watchers_once():
    demand = Demand(Log())
    told = []
    for topic in (A, B):
        demand.take("z", topic)
        demand.watch(topic, told.append)
    demand.unwatch(B, told.append)
    for _ in range(2):
        demand.note(Accepted("Z_NSE_A_LTP"))
        demand.note(Accepted("Z_NSE_B_LTP"))
    assert told == [A]


def test_feeds_know_who_is_there_connected_and_answering():
    feeds = Feeds()
    assert not feeds.answers("z")
    entry = PublisherEntry("z", 1, "tcp://127.0.0.1:1")
    assert feeds.follow([entry]) == ["z"]
    assert feeds.follow([entry]) == []
    assert feeds.answers("z")
    assert feeds.connected("z")
    feeds.heard("z", BrokerState("backoff"))
    assert not feeds.connected("z")
    feeds.was_silent("z")
    assert not feeds.answers("z")
    feeds.heard("z")
    assert feeds.answers("z")
    assert feeds.follow([]) == ["z"]
    assert not feeds.connected("z")
    assert not feeds.answers("z")


def test_routing_takes_the_first_adapter():
    routing = Routing([AdapterEntry("dhan", "dhan"), AdapterEntry("dhan_2", "dhan")])
    assert routing.default.name == routing.choose("NSE", "SBIN").name == "dhan"
    assert routing.brokers == ["dhan"]
    assert Routing([]).choose("NSE", "SBIN") is None


def held(symbol, mode, exchange="NSE"):
    return Subscription.of(Instrument(symbol, exchange), mode)


def test_holdings_prefer_the_exact_spelling_but_find_any():
    holdings = Holdings()
    upper, lower, other = held("SBIN", Mode.LTP), held(" sbin", Mode.LTP), held("TCS", Mode.LTP)
    for one in (upper, lower, other):
        holdings.add(one, None)
    assert holdings.meant_by(Instrument("SBIN", "NSE"), None) == [upper]
    assert holdings.meant_by(Instrument(" sbin", "NSE"), Mode.LTP) == [lower]
    assert holdings.meant_by(Instrument("Sbin", "nse"), None) == [upper, lower]
    assert holdings.meant_by(Instrument("Sbin", "nse"), Mode.DEPTH) == []
    holdings.remove(upper)
    assert list(holdings) == [lower, other]
    assert len(holdings) == 2


def test_totals_measure_the_rate_since_the_last_time():
    totals = Totals(delivered=100)
    totals.measure(0.0)
    assert totals.delivered_per_s == 0
    totals.measure(2.0)
    assert totals.delivered_per_s == 50
    totals.measure(1.0)
    assert totals.delivered_per_s == 0


def test_stats_file_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "log" / "ws_proxy_stats.json"
    for clients in (1, 2):
        statsfile.write(path, unix_s=1.5, clients=clients, symbols=3, brokers=["zerodha"])
    assert json.loads(path.read_text()) == {
        "timestamp": 1.5,
        "total_connections": 2,
        "total_symbols": 3,
        "clients_connected": 2,
        "brokers": ["zerodha"],
    }
    assert list(path.parent.iterdir()) == [path]
