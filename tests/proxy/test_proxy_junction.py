"""Clients of a symbol that several adapters can feed: one stream, whoever feeds it."""

import itertools

import msgspec
import pytest

from bus.control.messages import PublisherEntry
from bus.events import Accepted, BrokerState, Rejected
from bus.frames import Frame, Kind
from bus.settings import AdapterEntry, RoutingSettings
from bus.topics import Mode, Topic
from proxy.routing.rules import Routing

#: A Wednesday, 11:00 in India.
TRADING = 1_766_554_200.0
ROUTING = RoutingSettings(default=["kite", "smart"], return_after_s=30.0)
_sequences = itertools.count(1)


class Run:
    """A proxy without sockets, its two adapters, and the time."""

    def __init__(self, pure_proxy, routing=ROUTING, adapters=("kite", "smart")):
        self.proxy = pure_proxy(adapters, routing)
        self.desk = self.proxy.desk
        self.junction = self.desk.junction
        self.proxy.clock.now = TRADING
        self.there = dict.fromkeys(adapters, 1)
        self.refuses = set()
        self.answered = set()
        self.directory()

    def directory(self):
        entries = [PublisherEntry(n, g, "tcp://x", n) for n, g in self.there.items() if g]
        for adapter in self.desk.feeds.follow(entries):
            self.desk.demand.forget(adapter)
        self.junction.adapters_changed()
        self.answer()

    def goes(self, name):
        self.there[name] = 0
        self.directory()

    def comes(self, name, generation):
        self.there[name] = generation
        self.answered = {(n, t) for n, t in self.answered if n != name}
        self.directory()

    def answer(self):
        """What adapters do when they are asked."""
        while True:
            new = {(a, t) for t, a in self.proxy.bus.wanted.items() if self.there[a]}
            new -= self.answered
            if not new:
                return
            self.answered |= new
            for adapter, topic in sorted(new):
                text = topic[:-1].decode()
                event = Accepted(text)
                if adapter in self.refuses:
                    event = Rejected(text, "SYMBOL_NOT_FOUND", f"{adapter} has none")
                self.junction.answered(event)
                self.desk.demand.note(event)

    def wait(self, seconds):
        for _ in range(round(seconds / 0.25)):
            self.proxy.clock.now += 0.25
            self.junction.look()
            self.answer()

    def tick(self, name, number, symbol="SBIN", mode=Mode.LTP):
        """As the bus would bring it: only what is wanted."""
        topic = Topic.make(name, "NSE", symbol, mode).wire
        if topic not in self.proxy.bus.wanted:
            return
        stamp = int(self.proxy.clock.now * 1000)
        data = {"symbol": symbol, "exchange": "NSE", "ltp": number, "volume": number}
        payload = msgspec.json.encode(data | {"timestamp": stamp})
        received = self.desk.clock.unix_ns()
        frame = Frame(topic[:-1], Kind.TICK, 0, 1, next(_sequences), received, payload)
        self.junction.deliver([frame])

    def subscribe(self, session, symbol="SBIN", mode=1, **more):
        waiting = self.proxy.say(
            session, action="subscribe", symbol=symbol, exchange="NSE", mode=mode, **more
        )
        self.answer()
        if waiting is not None:
            session.settle(waiting)


def pushed(inbox):
    """Of each push: who fed it, and its number."""
    got = [m for m in inbox.take() if m.get("type") == "market_data"]
    return [(message["broker"], message["data"]["ltp"]) for message in got]


def test_the_next_adapter_takes_over_at_the_deadline_and_gives_back_after_a_while(pure_proxy):
    run = Run(pure_proxy)
    session, inbox = run.proxy.session()
    other, plain = run.proxy.session("bob")
    run.subscribe(session)
    run.subscribe(other, broker="smart")
    run.tick("kite", 11)
    assert pushed(inbox) == [("kite", 11)]
    run.goes("kite")
    run.wait(1.25)
    run.tick("smart", 10)  # a broker that lags behind
    run.tick("smart", 12)
    run.tick("smart", 13)
    assert run.junction.stats()["failed_over"] == 1
    assert run.junction.stats()["failed_over_symbols"] == "NSE:SBIN LTP smart (down)"
    assert pushed(inbox) == [("smart", 12), ("smart", 13)]
    assert pushed(plain) == [("smart", n) for n in (10, 12, 13)]
    run.comes("kite", 2)
    run.tick("kite", 13)  # a broker greets with the last tick
    run.wait(29)
    run.tick("kite", 14)
    assert pushed(inbox) == []
    run.tick("smart", 14)
    run.wait(3)
    run.tick("kite", 13)
    run.tick("smart", 15)
    run.tick("kite", 16)
    run.tick("smart", 16)
    assert pushed(inbox) == [("smart", 14), ("smart", 15), ("kite", 16)]
    assert run.junction.failovers_total == run.junction.failbacks_total == 1
    session.close()
    other.close()
    assert run.proxy.bus.wanted == {}
    assert not list(run.junction.streams)


def test_a_symbol_that_the_first_one_does_not_know_is_fed_by_the_next_and_acknowledged_so(
    pure_proxy,
):
    run = Run(pure_proxy)
    run.refuses = {"kite"}
    session, inbox = run.proxy.session()
    run.subscribe(session)
    [ack] = inbox.take()
    assert ack["status"] == "success"
    assert ack["subscriptions"][0]["broker"] == "smart"
    run.tick("smart", 1)
    assert pushed(inbox) == [("smart", 1)]
    run.refuses = {"kite", "smart"}
    run.subscribe(session, "TCS")
    [ack] = inbox.take()
    assert ack["subscriptions"][0]["code"] == "SYMBOL_NOT_FOUND"
    assert [topic for topic in run.proxy.bus.wanted if b"TCS" in topic] == []


def test_what_a_warm_stand_in_brought_meanwhile_is_not_lost(pure_proxy):
    run = Run(pure_proxy, RoutingSettings(default=["kite", "smart"], warm=True))
    session, inbox = run.proxy.session()
    run.subscribe(session)
    assert len(run.proxy.bus.wanted) == 2
    for number in (1, 2):
        run.tick("kite", number)
        run.tick("smart", number)
    run.goes("kite")
    for number in (3, 4, 5):
        run.tick("smart", number)
    assert pushed(inbox) == [("kite", 1), ("kite", 2)]
    run.wait(1.25)
    run.tick("smart", 6)
    assert pushed(inbox) == [("smart", n) for n in (3, 4, 5, 6)]


def test_a_frozen_feed_is_found_out_and_a_quiet_instrument_and_the_night_are_not(pure_proxy):
    run = Run(pure_proxy, RoutingSettings(default=["kite", "smart"], warm=True))
    session, inbox = run.proxy.session()
    for symbol in ("SBIN", "TCS"):
        run.subscribe(session, symbol)
        for name in ("kite", "smart"):
            run.tick(name, 1, symbol)
    inbox.take()
    for number in range(2, 30):
        run.wait(1)
        run.tick("smart", number)  # TCS is traded by nobody
    got = pushed(inbox)
    assert got[-1] == ("smart", 29)
    assert [number for _, number in got] == list(range(got[0][1], 30))
    stats = run.junction.stats()
    assert (stats["failed_over"], stats["failovers_total"]) == (1, 1)
    assert "TCS" not in stats["failed_over_symbols"]
    night = Run(pure_proxy, RoutingSettings(default=["kite", "smart"], warm=True))
    night.proxy.clock.now = TRADING + 12 * 3600
    session, inbox = night.proxy.session()
    night.subscribe(session)
    night.tick("kite", 1)
    for number in range(2, 60):
        night.wait(2)
        night.tick("smart", number)
    assert night.junction.failovers_total == 0


def test_a_broker_that_a_client_names_is_kept_unless_configured(pure_proxy):
    run = Run(pure_proxy)
    session, inbox = run.proxy.session()
    run.subscribe(session, broker="SMART")
    assert inbox.take()[0]["subscriptions"][0]["broker"] == "smart"
    assert not list(run.junction.streams)
    run.subscribe(session, "TCS", broker="nobody")
    assert inbox.take()[0]["subscriptions"][0]["broker"] == "kite"
    run = Run(pure_proxy, RoutingSettings(default=["kite", "smart"], pinned_fail_over=True))
    session, inbox = run.proxy.session()
    run.subscribe(session, broker="smart")
    run.goes("smart")
    run.wait(1.25)
    run.tick("kite", 1)
    assert pushed(inbox) == [("kite", 1)]


def test_brokers_that_never_agree_on_the_time_are_not_withheld_for_ever(pure_proxy):
    run = Run(pure_proxy)
    session, inbox = run.proxy.session()
    run.subscribe(session)
    run.tick("kite", 10_000)  # counts shares where the other counts lots
    run.goes("kite")
    run.wait(1.25)
    inbox.take()
    for number in range(1, 20):
        run.tick("smart", number)
        run.wait(0.5)
    assert 0 < len(pushed(inbox)) < 19
    assert run.junction.unaligned_total == 1


def test_a_parked_client_gets_the_latest_of_the_new_adapter(pure_proxy):
    run = Run(pure_proxy)
    session, inbox = run.proxy.session()
    run.subscribe(session)
    run.tick("kite", 1)
    run.desk.lanes.park(session.member, 0.0)
    run.goes("kite")
    run.wait(1.25)
    run.tick("smart", 2)
    run.tick("smart", 3)
    inbox.take()
    latest = run.desk.lanes.catch_up(session.member, 1 << 20)
    inbox.write(latest.data, latest.messages)
    assert pushed(inbox) == [("smart", 3)]
    run.desk.lanes.resume(session.member, 0.0)
    run.tick("smart", 4)
    assert pushed(inbox) == [("smart", 4)]


def test_an_adapter_that_loses_its_broker_is_down_too(pure_proxy):
    run = Run(pure_proxy)
    session, inbox = run.proxy.session()
    run.subscribe(session)
    run.desk.feeds.heard("kite", BrokerState("needs_token"))
    run.junction.adapters_changed()
    run.wait(1.25)
    run.tick("smart", 1)
    assert pushed(inbox) == [("smart", 1)]


ADAPTERS = [AdapterEntry("kite", "zerodha"), AdapterEntry("smart", "angel"), AdapterEntry("d", "d")]
RULES = RoutingSettings(
    default=["smart", "kite"],
    exchanges={"MCX": ["d"]},
    symbols={"NFO:BANK*": ["d", "kite"], "NSE:SBIN": ["kite", "d"], "NSE:S*": ["d"]},
)


@pytest.mark.parametrize(
    ("exchange", "symbol", "route"),
    [
        ("NSE", "SBIN", ["kite", "d"]),
        ("NSE", "SAIL", ["d"]),
        ("NSE", "TCS", ["smart", "kite"]),
        ("NFO", "BANKNIFTY25DECFUT", ["d", "kite"]),
        ("MCX", "GOLD", ["d"]),
    ],
)
def test_the_closest_rule_names_the_route(exchange, symbol, route):
    routing = Routing(ADAPTERS, RULES)
    assert [one.name for one in routing.route(exchange, symbol)] == route


def test_a_keys_own_route_comes_first_and_rights_come_before_all():
    routing = Routing(ADAPTERS, RULES)
    own = routing.narrowed(ADAPTERS, ["d", "smart"])
    assert [one.name for one in own.route("NSE", "SBIN")] == ["d", "smart"]
    assert own.default.name == "d"
    narrow = routing.narrowed(ADAPTERS[:1], ["d", "smart"])
    assert [one.name for one in narrow.route("NSE", "SBIN")] == ["kite"]
    assert [one.name for one in routing.narrowed(ADAPTERS[:2], []).route("MCX", "GOLD")] == [
        "smart",
        "kite",
    ]
    assert [one.name for one in Routing(ADAPTERS).route("NSE", "SBIN")] == ["kite"]
