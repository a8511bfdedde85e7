"""Every demand gets its answer, and the connections carry exactly what is wanted."""

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from adapters.brokers.zerodha.broker import BROKER
from adapters.codec import Book, Tick
from adapters.demand.pool import Pool
from adapters.demand.switchboard import Switchboard
from adapters.instruments.book import InstrumentBook
from adapters.symbols import Instrument
from bus.events import Accepted, Rejected
from bus.topics import Mode, Topic
from bus.wants import Demand

SYMBOLS = "ABCDEF"
BOOK = InstrumentBook([Instrument("NSE", s, str(257 + 256 * n)) for n, s in enumerate(SYMBOLS)])


class FakeConnection:
    def __init__(self):
        self.wanted = {}
        self.sent = {}

    def want(self, token, mode):
        if mode is None:
            self.wanted.pop(token)
        else:
            self.wanted[token] = mode

    def asked(self, token):
        return self.sent.get(token)


class Office:
    """A switchboard with pretend connections."""

    def __init__(self, size=3000, connections=3, broker=BROKER, streams=("feed",)):
        self.open = {}
        self.answers = []
        self.board = Switchboard(
            "zerodha",
            broker,
            {stream: Pool(size, connections) for stream in streams},
            connections=self,
            answer=self.answers.append,
        )

    def connection(self, stream, number):
        return self.open.setdefault((stream, number), FakeConnection())

    def release(self, stream, number):
        assert self.open.pop((stream, number)).wanted == {}

    def demand(self, symbol, mode=Mode.LTP, wanted=True, exchange="NSE"):
        topic = f"ZERODHA_{exchange}_{symbol}_{mode.name}"
        self.board.demanded([Demand(topic.encode() + b"\0", wanted)])
        return topic

    def send(self):
        for connection in list(self.open.values()):
            changed = [t for t, m in connection.wanted.items() if connection.sent.get(t) != m]
            connection.sent = dict(connection.wanted)
            self.board.asked(changed)

    def wanted(self):
        return {t: m for c in self.open.values() for t, m in c.wanted.items()}

    def symbols_published(self, tick, stream="feed"):
        """Whose payloads a tick becomes."""
        said = []
        self.board.routes[stream][tick.key].emit(tick, 1, lambda *a: said.append(a[1]))
        return [json.loads(payload)["symbol"] for payload in said]

    def taken(self):
        answers = list(self.answers)
        self.answers.clear()
        return answers


@pytest.fixture
def office():
    office = Office()
    office.board.load(BOOK)
    return office


def test_accepted_only_once_the_broker_was_asked(office):
    topic = office.demand("A")
    assert office.taken() == []
    assert office.board.is_waiting
    office.send()
    assert office.taken() == [Accepted(topic)]
    assert not office.board.is_waiting


def test_a_repeated_demand_is_answered_again(office):
    topic = office.demand("A")
    office.send()
    office.taken()
    office.demand("A")
    assert office.taken() == [Accepted(topic)]


def test_a_lower_mode_is_covered_and_a_higher_one_waits(office):
    office.demand("A", Mode.QUOTE)
    office.send()
    office.taken()
    low = office.demand("A", Mode.LTP)
    assert office.taken() == [Accepted(low)]
    high = office.demand("A", Mode.DEPTH)
    assert office.taken() == []
    assert office.wanted() == {"257": Mode.DEPTH}
    office.send()
    assert office.taken() == [Accepted(high)]
    office.demand("A", Mode.DEPTH, wanted=False)
    assert office.wanted() == {"257": Mode.QUOTE}


@pytest.mark.parametrize(
    ("wire", "code", "words"),
    [
        (b"ZERODHA_NSE_NONE_LTP\0", "SYMBOL_NOT_FOUND", "Zerodha has no NONE on NSE"),
        (b"ANGEL_NSE_A_LTP\0", "SYMBOL_NOT_FOUND", "Zerodha has no A on NSE"),
        (b"ZERODHA_MOON_A_LTP\0", "SYMBOL_NOT_FOUND", "no known exchange"),
        (b"\xff\xfe\0", "SYMBOL_NOT_FOUND", "not BROKER_EXCHANGE_SYMBOL_MODE"),
    ],
)
def test_rejections(office, wire, code, words):
    for _ in range(2):
        office.board.demanded([Demand(wire, True)])
    office.board.demanded([Demand(wire, False)])
    [first, second] = office.taken()
    assert first == second
    assert isinstance(first, Rejected)
    assert first.code == code
    assert words in first.message
    assert office.board.rejected_total == 2
    assert not office.open


def test_a_mode_that_the_broker_has_not():
    [stream] = BROKER.streams
    office = Office(broker=replace(BROKER, streams=(replace(stream, modes=(Mode.LTP,)),)))
    office.board.load(BOOK)
    topic = office.demand("A", Mode.DEPTH)
    message = "Zerodha has no mode DEPTH on NSE"
    assert office.taken() == [Rejected(topic, "MODE_NOT_SUPPORTED", message)]


def test_over_the_limit_and_room_again():
    office = Office(size=1, connections=2)
    office.board.load(BOOK)
    for symbol in "AB":
        office.demand(symbol)
    topic = office.demand("C")
    assert office.taken() == [
        Rejected(
            topic,
            "LIMIT_EXCEEDED",
            "all 2 places at Zerodha are taken (2 connections of 1 symbols)",
        )
    ]
    office.demand("B", wanted=False)
    assert list(office.open) == [("feed", 0)]
    office.demand("C")
    office.send()
    assert Accepted(topic) in office.taken()


def test_demand_waits_for_the_instruments():
    office = Office()
    topic = office.demand("A")
    office.demand("B")
    office.demand("B", wanted=False)
    assert office.taken() == []
    assert office.board.is_waiting
    office.board.load(BOOK)
    office.send()
    assert office.taken() == [Accepted(topic)]
    assert office.wanted() == {"257": Mode.LTP}


def test_one_instrument_under_two_names():
    office = Office()
    office.board.load(InstrumentBook([Instrument("NSE", s, "257") for s in "AB"]))
    topics = [office.demand("A"), office.demand("B", Mode.QUOTE)]
    office.send()
    assert office.taken() == [Accepted(topic) for topic in topics]
    assert office.wanted() == {"257": Mode.QUOTE}
    assert office.symbols_published(Tick(257, Mode.QUOTE, 100.0)) == ["A", "B"]
    office.demand("B", Mode.QUOTE, wanted=False)
    assert office.wanted() == {"257": Mode.LTP}
    assert office.symbols_published(Tick(257, Mode.QUOTE, 101.0)) == ["A"]
    office.demand("A", wanted=False)
    assert office.wanted() == {}
    assert office.board.routes == {"feed": {}}


def test_an_instrument_moves_where_a_mode_has_its_own_stream():
    [feed] = BROKER.streams
    broker = replace(
        BROKER,
        streams=(feed, replace(feed, name="deep")),
        stream_of=lambda _, mode: "deep" if mode is Mode.DEPTH else "feed",
    )
    office = Office(size=1, connections=1, broker=broker, streams=("feed", "deep"))
    office.board.load(BOOK)
    office.demand("A", Mode.LTP)
    office.demand("A", Mode.DEPTH)
    assert office.open["feed", 0].wanted == {}
    assert office.open["deep", 0].wanted == {"257": Mode.DEPTH}
    office.demand("B", Mode.LTP)
    office.demand("B", Mode.DEPTH)
    [rejected] = office.taken()
    assert rejected.code == "LIMIT_EXCEEDED"
    assert office.wanted() == {"257": Mode.DEPTH, "513": Mode.LTP}


FEED = replace(BROKER.streams[0], name="feed")
TWENTY = replace(
    FEED, name="depth20", modes=(Mode.DEPTH,), depth_levels=20, exchanges=("NSE",), book_only=True
)
FIFTY = replace(FEED, name="depth50", modes=(Mode.DEPTH,), depth_levels=50, exchanges=("NSE",))
DEEP = replace(BROKER, streams=(FEED, TWENTY, FIFTY))


def deep_office(**sizes):
    office = Office(broker=DEEP, streams=("feed", "depth20", "depth50"), **sizes)
    office.board.load(InstrumentBook([*BOOK, Instrument("BSE", "Z", "9")]))
    return office


@pytest.mark.parametrize(
    ("symbol", "exchange", "stream", "depth"),
    [
        ("A", "NSE", "feed", 5),
        ("A:3", "NSE", "feed", 3),
        ("A:20", "NSE", "depth20", 20),
        ("A:30", "NSE", "depth50", 30),
        ("A:200", "NSE", "depth50", 50),
        ("Z:20", "BSE", "feed", 5),
    ],
)
def test_the_stream_with_the_fewest_levels_that_are_enough(symbol, exchange, stream, depth):
    office = deep_office()
    topic = office.demand(symbol, Mode.DEPTH, exchange=exchange)
    office.send()
    assert office.taken() == [Accepted(topic, depth)]
    token = {"NSE": "257", "BSE": "9"}[exchange]
    assert office.open[stream, 0].wanted == {token: Mode.DEPTH}
    quote = office.demand(symbol, Mode.LTP, exchange=exchange)
    office.send()
    assert Accepted(quote, 5) in office.taken()


def test_a_book_without_prices_takes_them_from_another_stream():
    office = deep_office()
    office.demand("A:20", Mode.DEPTH)
    assert office.open["depth20", 0].wanted == {"257": Mode.DEPTH}
    assert office.open["feed", 0].wanted == {"257": Mode.QUOTE}
    book = Book([(99.0, 1, 1)], [])
    assert office.symbols_published(Tick(257, Mode.DEPTH, depth=book), "depth20") == []
    assert office.symbols_published(Tick(257, Mode.QUOTE, 100.0)) == ["A:20"]
    office.demand("A", Mode.DEPTH)
    assert office.open["feed", 0].wanted == {"257": Mode.DEPTH}
    assert office.symbols_published(Tick(257, Mode.DEPTH, 100.0, depth=book)) == ["A:20", "A"]
    assert office.symbols_published(Tick(257, Mode.DEPTH, depth=book), "depth20") == ["A:20"]
    assert office.board.symbols == 1
    office.demand("A:20", Mode.DEPTH, wanted=False)
    assert office.open["depth20", 0].wanted == {}
    assert office.symbols_published(Tick(257, Mode.DEPTH, 100.0, depth=book)) == ["A"]


def test_a_full_stream_of_deep_books_leaves_everything_as_it_was():
    office = deep_office(size=1, connections=1)
    office.demand("A:20", Mode.DEPTH)
    office.taken()
    before = {place: dict(c.wanted) for place, c in office.open.items()}
    office.demand("B:20", Mode.DEPTH)
    [rejected] = office.taken()
    assert rejected.code == "LIMIT_EXCEEDED"
    assert {place: c.wanted for place, c in office.open.items()} == before


def test_a_symbol_that_ends_like_a_depth_is_itself():
    office = Office()
    office.board.load(InstrumentBook([Instrument("NSE", "A:20", "7"), *BOOK]))
    office.demand("A:20")
    assert office.wanted() == {"7": Mode.LTP}
    office.demand("A:0")
    office.demand("NONE:20")
    assert [answer.code for answer in office.taken()] == ["SYMBOL_NOT_FOUND"] * 2


def test_another_master_moves_what_has_another_token_and_brings_what_was_missing(office):
    first, new = office.demand("A"), office.demand("NEW")
    office.demand("B")
    office.send()
    office.taken()
    rows = [Instrument("NSE", "A", "1025"), Instrument("NSE", "NEW", "1281")]
    office.board.load(InstrumentBook(rows))
    assert office.wanted() == {"1025": Mode.LTP, "513": Mode.LTP, "1281": Mode.LTP}
    office.send()
    assert office.taken() == [Accepted(new)]
    assert office.symbols_published(Tick(1025, Mode.LTP, 1.0)) == ["A"]
    assert first != new
    for symbol in ("A", "B", "NEW"):
        office.demand(symbol, wanted=False)
    assert office.wanted() == {}


def test_the_exchanges_of_tokens():
    office = deep_office()
    office.demand("Z", exchange="BSE")
    office.demand("A")
    assert office.board.exchanges(["257", "9", "none"]) == {"NSE", "BSE"}


def test_a_lost_connection_voids_what_was_said(office):
    office.demand("A")
    published = []
    outlet = office.board.routes["feed"][257]

    def emit():
        outlet.emit(Tick(257, Mode.QUOTE, 100.0), 1, lambda *args: published.append(args))
        return len(published)

    assert [emit(), emit()] == [1, 1]
    office.board.lost(["257", "999"])
    assert emit() == 2


class BoardMachine(RuleBasedStateMachine):
    """Against a plain model: sets of topics."""

    def __init__(self):
        super().__init__()
        self.office = Office(size=2, connections=2)
        self.office.board.load(BOOK)
        self.held = set()
        self.unanswered = set()

    @rule(symbol=st.sampled_from(SYMBOLS), mode=st.sampled_from(Mode))
    def want(self, symbol, mode):
        topic = self.office.demand(symbol, mode)
        self.unanswered.add(topic)
        self.hear()
        if topic in self.unanswered:
            self.held.add(topic)

    @rule(symbol=st.sampled_from(SYMBOLS), mode=st.sampled_from(Mode))
    def leave(self, symbol, mode):
        topic = self.office.demand(symbol, mode, wanted=False)
        self.held.discard(topic)
        self.unanswered.discard(topic)

    @rule()
    def send(self):
        self.office.send()
        self.hear()
        assert not self.unanswered

    def hear(self):
        for answer in self.office.taken():
            self.unanswered.remove(answer.topic)
            if isinstance(answer, Accepted):
                self.held.add(answer.topic)
            else:
                assert len({Topic.parse(t).symbol for t in self.held}) == 4

    @invariant()
    def the_connections_carry_the_highest_modes(self):
        highest = {}
        for topic in map(Topic.parse, self.held):
            token = BOOK.find(topic.exchange, topic.symbol)
            highest[token] = max(topic.mode, highest.get(token, Mode.LTP))
        assert self.office.wanted() == highest
        assert set(self.office.board.routes["feed"]) == {int(token) for token in highest}
        assert self.office.board.symbols == len(highest)


TestSwitchboard = BoardMachine.TestCase
TestSwitchboard.settings = settings(max_examples=50, deadline=None)
