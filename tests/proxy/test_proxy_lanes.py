"""The lanes against a naive model: who must get which message, in which order."""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from bus.frames import Frame, Kind
from bus.topics import Mode
from proxy.clients.subscriptions import Subscription
from proxy.fanout import lanes as lanes_module
from proxy.fanout.lanes import QUIET_S, Lanes
from proxy.protocol.requests import Instrument

SYMBOLS = ("A", "B", "C")
SPELLINGS = st.builds(
    lambda symbol, lower, mode: Subscription(
        "NSE", symbol, mode, Instrument(symbol.lower() if lower else symbol, "NSE")
    ),
    st.sampled_from(SYMBOLS),
    st.booleans(),
    st.sampled_from([Mode.LTP, Mode.DEPTH]),
)
SETS = st.lists(SPELLINGS, max_size=5)


def topic_of(subscription):
    return f"Z_{subscription.exchange}_{subscription.symbol}_{subscription.mode.name}".encode()


def frame(topic, number, sequence=1):
    symbol = topic.split(b"_")[2].decode()
    payload = f'{{"symbol":"{symbol}","exchange":"NSE","n":{number}}}'.encode()
    return Frame(topic, Kind.TICK, 0, 1, sequence, number, payload)


class Reader:
    """Takes WebSocket frames apart, and remembers the order of what it saw."""

    def __init__(self):
        self.seen = []
        self.messages = 0

    def write(self, data: bytes, messages: int):
        self.messages += messages
        while data:
            assert data[0] == 0x81
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            push = json.loads(data[start : start + size])
            data = data[start + size :]
            assert (push["data"]["symbol"], push["data"]["exchange"]) == (
                push["symbol"],
                push["exchange"],
            )
            assert push["topic"] == f"{push['symbol']}.{push['exchange']}"
            self.seen.append((push["data"]["n"], push["symbol"], push["mode"]))


class LanesMachine(RuleBasedStateMachine):
    clients = Bundle("clients")

    def __init__(self):
        super().__init__()
        self.lanes = Lanes()
        self.now = 0.0
        self.number = 0
        self.held = {}
        self.expected = {}
        self.readers = {}
        self.sequences = {}
        #: Of each parked member: what moved since, the newest only, and how often.
        self.parked = {}

    @rule(target=clients)
    def join(self):
        reader = Reader()
        member = self.lanes.join(reader, self.now)
        self.held[member] = {}
        self.expected[member] = []
        self.readers[member] = reader
        return member

    @rule(client=consumes(clients))
    def leave(self, client):
        self.lanes.leave(client)
        del self.held[client]
        self.parked.pop(client, None)

    @rule(client=clients, wanted=SETS)
    def add(self, client, wanted):
        held = self.held[client]
        new = {}
        for one in wanted:
            if one not in held and one not in new:
                new[one] = self.lanes.envelope(topic_of(one), "z", one)
        self.lanes.add(client, new.values(), self.now)
        held.update(new)

    @rule(client=clients, unwanted=SETS)
    def remove(self, client, unwanted):
        held = self.held[client]
        gone = [held.pop(one) for one in dict.fromkeys(unwanted) if one in held]
        self.lanes.remove(client, gone, self.now)
        for one in unwanted:
            self.parked.get(client, {}).pop(one, None)

    @rule(client=clients)
    def park(self, client):
        self.lanes.park(client, self.now)
        self.parked.setdefault(client, {})

    @rule(client=clients, budget=st.sampled_from([1, 200, 10**6]))
    def catch_up(self, client, budget):
        moved = self.parked.get(client)
        if moved is None:
            return
        before = len(self.readers[client].seen)
        latest = self.lanes.catch_up(client, budget)
        self.readers[client].write(latest.data, latest.messages)
        given = self.readers[client].seen[before:]
        assert given == sorted(given, key=lambda one: one[0])
        conflated = 0
        for one, (message, updates) in list(moved.items()):
            if message in given:
                del moved[one]
                self.expected[client].append(message)
                conflated += (updates or 1) - 1
        self.expected[client][before:] = sorted(self.expected[client][before:])
        assert latest.conflated == conflated
        assert latest.complete == (not moved)
        assert given or not moved

    @rule(client=clients)
    def resume(self, client):
        if client in self.parked:
            self.catch_up(client, 10**6)
            self.lanes.resume(client, self.now)
            del self.parked[client]

    @rule(seconds=st.sampled_from([0.1, QUIET_S]))
    def tidy(self, seconds):
        self.now += seconds
        self.lanes.tidy(self.now)

    @rule(
        ticks=st.lists(
            st.tuples(st.sampled_from([*SYMBOLS, "NOBODY"]), st.sampled_from(list(Mode))),
            max_size=8,
        )
    )
    def deliver(self, ticks):
        frames = []
        for symbol, mode in ticks:
            self.number += 1
            topic = f"Z_NSE_{symbol}_{mode.name}".encode()
            self.sequences[topic] = self.sequences.get(topic, 0) + 1
            frames.append(frame(topic, self.number, self.sequences[topic]))
            for member, held in self.held.items():
                for one in held:
                    if one.symbol == symbol and one.mode == mode:
                        self.moved(member, one, (self.number, one.spelled.symbol, int(mode)))
        strays = self.lanes.routes.deliver(frames)
        wanted = {topic_of(one) for held in self.held.values() for one in held}
        assert strays == [one for one in frames if one.topic not in wanted]

    def moved(self, member, one, message):
        if member not in self.parked:
            self.expected[member].append(message)
            return
        before = self.parked[member].get(one)
        if before is None:
            # Of a topic that had no frame before, nobody knows how many were missed.
            updates = 1 if topic_of(one) in self.given(member) else None
        else:
            updates = before[1] and before[1] + 1
        self.parked[member][one] = (message, updates)

    @staticmethod
    def given(member):
        return {envelope.topic for envelope, frame in member.lane.seen.items() if frame}

    def teardown(self):
        for member, reader in self.readers.items():
            # Two spellings of one tick have no order between them; everything else has.
            assert [n for n, *_ in reader.seen] == [n for n, *_ in self.expected[member]]
            assert sorted(reader.seen) == sorted(self.expected[member])
            assert reader.messages == len(reader.seen)

    @invariant()
    def lanes_and_routes_agree(self):
        lanes = self.lanes
        every = {member.lane for member in self.held}
        assert every == {*lanes._settled.values(), *lanes._restless, *lanes._parked}
        assert lanes.parked == len(self.parked)
        for member, held in self.held.items():
            lane = member.lane
            assert member in lane.members
            assert set(lane.envelopes) == set(held.values())
            digest = 0
            for envelope in lane.envelopes:
                digest ^= envelope.token
                assert (lane in envelope.lanes) == (member not in self.parked)
            assert (lane.seen is not None) == (member in self.parked)
            assert lane.seen is None or set(lane.seen) == set(lane.envelopes)
            assert lane.digest == digest
            assert not lane.parts
        routed = {
            envelope for route in lanes.routes._routes.values() for envelope in route.envelopes
        }
        for envelope in routed:
            assert envelope.parked == sum(
                envelope in lane.envelopes for lane in every if lane.seen is not None
            )
        assert routed == {envelope for lane in every for envelope in lane.envelopes}


LanesMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLanes = LanesMachine.TestCase


def make_clients(count, symbols):
    lanes = Lanes()
    members = [lanes.join(Reader(), 0.0) for _ in range(count)]
    for member in members:
        for symbol in symbols:
            one = Subscription("NSE", symbol, Mode.LTP, Instrument(symbol, "NSE"))
            lanes.add(member, [lanes.envelope(topic_of(one), "z", one)], 0.0)
    return lanes, members


def test_tidy_merges_equal_subscriptions_after_a_quiet_time():
    lanes, members = make_clients(20, SYMBOLS)
    lanes.tidy(QUIET_S / 2)
    assert lanes.count == 20
    lanes.tidy(QUIET_S)
    assert lanes.count == 1
    one = Subscription("NSE", "D", Mode.LTP, Instrument("D", "NSE"))
    lanes.add(members[3], [lanes.envelope(topic_of(one), "z", one)], 5.0)
    assert lanes.count == 2
    lanes.remove(members[3], [lanes.envelope(topic_of(one), "z", one)], 6.0)
    lanes.tidy(6.0 + QUIET_S)
    assert lanes.count == 1


def test_tidy_does_a_bounded_piece_at_a_time(monkeypatch):
    monkeypatch.setattr(lanes_module, "TIDY_BUDGET", 4)
    lanes, _ = make_clients(5, SYMBOLS)
    counts = []
    for _ in range(6):
        lanes.tidy(QUIET_S)
        counts.append(lanes.count)
    assert counts == [4, 3, 2, 1, 1, 1]


def test_lane_shares_one_joined_buffer():
    lanes, members = make_clients(2, SYMBOLS)
    lanes.tidy(QUIET_S)
    chunks = []
    for member in members:
        member.write = lambda data, _: chunks.append(data)
    lanes.routes.deliver([frame(b"Z_NSE_A_LTP", 1), frame(b"Z_NSE_B_LTP", 2)])
    assert chunks[0] is chunks[1]
