"""Whatever fails, the stream gets what was put: in order, each once, but for what is counted."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.outbox import Message, Outbox

WINDOW = 5


class Stream:
    """As JetStream does it: a message is taken only by a stream that is where it should be."""

    def __init__(self):
        self.idents = []

    def offer(self, sending):
        """An acknowledgement, `duplicate`, or None: refused."""
        if sending.after != len(self.idents):
            return None
        if sending.message.ident in self.idents:
            return "duplicate"
        self.idents.append(sending.message.ident)
        return "stored"


class Delivery(RuleBasedStateMachine):
    """A network that delays and loses what is sent, and the answers; and reconnections."""

    def __init__(self):
        super().__init__()
        self.stream = Stream()
        self.box = Outbox(1 << 30, WINDOW)
        self.put_total = 0
        self.connection = 0
        self.on_the_way = []  # (connection, sending), in order; an old connection's may come late
        self.answers = []

    @rule(count=st.integers(1, 8))
    def put(self, count):
        for _ in range(count):
            self.box.put(Message("md.x", f"m{self.put_total}", 0, b"{}"))
            self.put_total += 1

    @rule()
    def send(self):
        while (sending := self.box.take()) is not None:
            self.on_the_way.append((self.connection, sending))

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def arrive(self, data):
        """Within a connection in order; which connection is first is the network's choice."""
        connection = data.draw(st.sampled_from(sorted({c for c, _ in self.on_the_way})))
        place = next(n for n, (c, _) in enumerate(self.on_the_way) if c == connection)
        _, sending = self.on_the_way.pop(place)
        self.answers.append((connection, sending.after, self.stream.offer(sending)))

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def get_lost(self, data):
        """A leader that dies loses some; what comes after it may arrive all the same."""
        self.on_the_way.pop(data.draw(st.integers(0, len(self.on_the_way) - 1)))

    @precondition(lambda self: self.answers)
    @rule()
    def answer(self):
        connection, after, told = self.answers.pop(0)
        if connection != self.connection:
            return
        if told is None:
            self.reconnect()
            return
        self.box.acknowledged(after)
        if told == "duplicate":
            self.reconnect()

    @rule()
    def reconnect(self):
        self.connection += 1
        idents = self.stream.idents
        self.box.resume(len(idents), idents[-1] if idents else "")

    @invariant()
    def the_stream_has_a_beginning_of_what_was_put(self):
        assert self.stream.idents == [f"m{n}" for n in range(len(self.stream.idents))]
        assert self.box.in_flight <= WINDOW
        assert self.box.lost_total == self.box.refused_total == 0
        assert self.box.sent_total <= len(self.stream.idents)
        assert self.box.sent_total + len(self.box) == self.put_total

    def teardown(self):
        """A quiet network delivers the rest."""
        self.on_the_way.clear()
        self.reconnect()
        while (sending := self.box.take()) is not None:
            assert self.stream.offer(sending) == "stored"
            self.box.acknowledged(sending.after)
        assert len(self.stream.idents) == self.put_total
        assert len(self.box) == self.box.bytes == 0


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=40, stateful_step_count=40)


def message(n, size=100):
    return Message("md.x", f"m{n:02}", 0, bytes(size))


def test_what_there_is_no_room_for_is_lost_oldest_first_and_counted():
    room = 10 * message(0).size
    box = Outbox(room, 4)
    for n in range(4):
        box.put(message(n))
        assert box.take() is not None
    for n in range(4, 20):
        box.put(message(n))
        assert box.bytes <= room
    assert box.lost_total == 10
    box.resume(0, "")
    idents = []
    while (sending := box.take()) is not None:
        idents.append(sending.message.ident)
        box.acknowledged(sending.after)
    assert idents == [f"m{n:02}" for n in [0, 1, 2, 3, *range(14, 20)]]
    assert box.sent_total == 10


def test_a_message_that_is_never_taken_is_counted_and_left_out():
    box = Outbox(1 << 20, 8)
    for n in range(3):
        box.put(message(n))
    sent = [box.take() for _ in range(3)]
    box.refused(sent[1].after)
    box.resume(1, "m00")
    assert [box.take().message.ident, box.take()] == ["m02", None]
    assert box.refused_total == 1


def test_a_message_that_the_stream_has_further_back_does_not_hold_up_the_rest():
    """Somebody else wrote after it: the answer says duplicate, and that counts."""
    box = Outbox(1 << 20, 8)
    for n in range(2):
        box.put(message(n))
    box.resume(7, "somebody else's")
    first = box.take()
    assert first.after == 7
    box.acknowledged(first.after)  # a duplicate
    box.resume(7, "somebody else's")
    again = box.take()
    assert (again.after, again.message.ident) == (7, "m01")
