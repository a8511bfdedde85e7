"""A client changes processes, and with it readers of its streams: none missing, none twice."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bus.frames import Frame, Kind
from proxy.moving.crossing import Crossing

TOPICS = [b"X_NSE_A_LTP", b"X_NSE_B_LTP", b"X_NSE_C_LTP"]


def frame(topic=TOPICS[0], sequence=1, generation=1, payload=None):
    payload = payload or b'{"ltp":%d,"volume":%d}' % (sequence, sequence)
    return Frame(topic, int(Kind.TICK), 0, generation, sequence, 1, payload)


class TwoReaders(RuleBasedStateMachine):
    """One stream, read by two processes at any pace; clients move at any time, one by one.

    The pretend bus is one list. The new process sees it from where it joined on.
    """

    def __init__(self):
        super().__init__()
        self.stream = []
        self.sequences = dict.fromkeys(TOPICS, 0)
        self.old_at = 0
        self.old_last = {}
        self.new_at = None
        self.joined_at = None
        self.told = {}
        self.crossing = Crossing()
        self.settled = False
        #: What the moved client was given by the old process, and what by the new one.
        self.moved = []
        self.old_count = {}

    @rule(topic=st.sampled_from(TOPICS))
    def publish(self, topic):
        self.sequences[topic] += 1
        self.stream.append(frame(topic, self.sequences[topic]))

    @rule(count=st.integers(1, 4))
    def old_reads(self, count):
        for one in self.stream[self.old_at : self.old_at + count]:
            self.old_last[one.topic] = one
            self.old_at += 1

    @precondition(lambda self: self.joined_at is None)
    @rule()
    def new_joins(self):
        self.joined_at = self.new_at = len(self.stream)

    @precondition(lambda self: self.new_at is not None)
    @rule(count=st.integers(1, 4))
    def new_reads(self, count):
        batch = self.stream[self.new_at : self.new_at + count]
        self.crossing.note(batch)
        self.new_at += len(batch)
        for seen in self.moved:
            seen.extend(batch)

    @precondition(
        lambda self: self.new_at is not None and not self.settled and self.old_at >= self.joined_at
    )
    @rule()
    def positions_are_told_first(self):
        """The old process has come to where the new one joined, which has read all before that."""
        before = {f.topic: f for f in self.stream[: self.joined_at]}
        fresh = {t: f for t, f in self.old_last.items() if before.get(t) != f}
        self.crossing.begin(before.values(), settled=True)
        self.crossing.begin(fresh.values(), settled=False)
        self.told = dict(self.old_last)
        self.settled = True

    @precondition(lambda self: self.settled)
    @rule()
    def a_client_moves(self):
        news = [f for t, f in self.old_last.items() if self.told.get(t) != f]
        self.crossing.begin(news, settled=False)
        self.told = dict(self.old_last)
        position = self.old_at
        if not self.crossing.reached:
            return  # refused; the old process has it back
        given = [f for topic in TOPICS for f in self.crossing.after(topic)]
        expected = self.stream[position : self.new_at]
        assert sorted(given, key=self.stream.index) == expected
        self.moved.append(self.stream[:position] + expected)

    @invariant()
    def every_moved_client_saw_all_once_and_in_order(self):
        for seen in self.moved:
            assert seen == self.stream[: self.new_at]

    @invariant()
    def nothing_is_called_lost(self):
        assert self.crossing.lost_total == 0


TestTwoReaders = TwoReaders.TestCase
TestTwoReaders.settings = settings(max_examples=200, stateful_step_count=40)


@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 20))
def test_another_generations_frames_are_matched_by_content(length, delivered, kept_from):
    """The old process follows generation 1, the new one 2: the same ticks by other numbers."""
    payloads = [b'{"ltp":%d}' % n for n in range(length)]
    delivered, kept_from = min(delivered, length - 1), min(kept_from, length - 1)
    position = frame(sequence=100 + delivered, generation=1, payload=payloads[delivered])
    crossing = Crossing()
    crossing.note(
        frame(sequence=1 + n, generation=2, payload=payloads[n])
        for n in range(min(kept_from, delivered), length)
    )
    crossing.begin([position], settled=False)
    assert crossing.reached
    assert [f.payload for f in crossing.after(TOPICS[0])] == payloads[delivered + 1 :]


def test_what_never_meets_goes_on_where_time_and_volume_go_on():
    crossing = Crossing()
    crossing.note(
        frame(sequence=n, generation=2, payload=b'{"ltp":9,"volume":%d}' % (10 * n))
        for n in (1, 2, 3)
    )
    crossing.begin([frame(sequence=7, generation=1, payload=b'{"volume":15}')], settled=False)
    assert [f.sequence for f in crossing.after(TOPICS[0])] == [2, 3]


def test_a_position_of_a_generation_that_is_not_read_here_is_not_waited_for_for_ever():
    crossing = Crossing()
    crossing.note([frame(sequence=3, generation=1)])
    crossing.begin([frame(sequence=1, generation=2, payload=b'{"volume":90}')], settled=False)
    assert not crossing.reached
    crossing.settle()
    assert crossing.reached
    crossing.begin([frame(sequence=9, generation=1)], settled=False)
    crossing.settle()
    assert not crossing.reached  # this one will come


def test_a_hole_between_both_is_counted():
    crossing = Crossing()
    crossing.note([frame(sequence=6), frame(sequence=7)])
    crossing.begin([frame(sequence=3)], settled=True)
    assert crossing.lost_total == 2
    assert [f.sequence for f in crossing.after(TOPICS[0])] == [6, 7]


def test_restart_keeps_from_there_on():
    crossing = Crossing()
    crossing.note([frame(sequence=1)])
    crossing.restart()
    crossing.note([frame(sequence=2)])
    assert [f.sequence for f in crossing.after(TOPICS[0])] == [2]
    assert crossing.last[TOPICS[0]].sequence == 2
