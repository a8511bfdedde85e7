"""The hand-over under every order of events, with the time as input."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from supervisor.processes.lifecycle import State
from supervisor.replacing.handover import SETTLE_S, Handover, Phase, Step, View

GONE = [State.STOPPED, State.BACKOFF, State.CRASH_LOOP, State.FAILED, State.NEEDS_TOKEN]


def view(state=State.RUNNING, topics=0, waiting=0, seen=0):
    stats = {"topics": topics, "topics_waiting": waiting, "topics_seen": seen}
    return View(state, stats)


class HandoverMachine(RuleBasedStateMachine):
    """Two processes that do what processes may do, and a shell that carries out the steps."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.handover = Handover("zerodha", 2, 0.0, timeout_s=30.0)
        self.old = view(topics=3, seen=3)
        self.new = view(State.STARTING)
        self.told_old_to_stop = False

    def look(self):
        for step in self.handover.observe(self.now, self.old, self.new):
            if step is Step.STOP_OLD:
                covered = self.new.topics >= self.old.topics and not self.new.waiting
                assert self.new.state is State.RUNNING
                assert covered, "the old one was stopped before the new one had its demand"
                assert not self.told_old_to_stop
                self.told_old_to_stop = True
            if step is Step.KILL_NEW:
                assert not self.told_old_to_stop, "both would be gone"
                self.new = view(State.STOPPED)

    @rule(seconds=st.floats(0.01, 5.0))
    def time_passes(self, seconds):
        self.now += seconds
        self.look()

    @precondition(lambda self: not self.handover.over)
    @rule(
        topics=st.integers(0, 4),
        waiting=st.integers(0, 2),
        seen=st.integers(0, 4),
        state=st.sampled_from([State.READY, State.RUNNING]),
    )
    def new_one_reports(self, topics, waiting, seen, state):
        if self.new.state not in GONE:
            self.new = view(state, topics, waiting, seen)
        self.look()

    @precondition(lambda self: not self.told_old_to_stop)
    @rule(state=st.sampled_from(GONE))
    def new_one_dies(self, state):
        self.new = view(state)
        self.look()

    @rule(state=st.sampled_from(GONE))
    def old_one_dies(self, state):
        self.old = view(state)
        self.look()

    @invariant()
    def it_ends_in_time(self):
        if self.now > 30.0 and not self.told_old_to_stop and self.old.state not in GONE:
            self.look()
            assert self.handover.over or self.told_old_to_stop

    @invariant()
    def a_failure_leaves_the_old_one(self):
        if self.handover.phase is Phase.FAILED:
            assert not self.told_old_to_stop


TestHandoverMachine = HandoverMachine.TestCase
TestHandoverMachine.settings = settings(max_examples=200, stateful_step_count=30)


def test_the_usual_way():
    handover = Handover("zerodha", 2, 0.0, timeout_s=30.0)
    old = view(topics=3, seen=3)
    assert handover.observe(0.1, old, view(State.STARTING)) == []
    assert handover.observe(0.2, old, view(State.READY, topics=3, waiting=3)) == []
    assert handover.observe(0.3, old, view(topics=3, waiting=1)) == []
    assert handover.observe(0.4, old, view(topics=3, seen=2)) == []
    assert handover.observe(0.5, old, view(topics=3, seen=3)) == [Step.STOP_OLD]
    assert handover.observe(0.6, old, view(topics=3, seen=3)) == []
    assert handover.observe(0.7, view(State.STOPPED), view(topics=3, seen=3)) == []
    assert handover.phase is Phase.DONE
    assert [line.split(": ")[1] for line in handover.lines] == [
        "generation 2 has started",
        "it is connected",
        "it has subscribed 3 of 3",
        "it takes over; ticks on 3 of 3 so far",
        "the old generation has ended",
    ]


def test_quiet_instruments_are_not_waited_for_longer_than_this():
    handover = Handover("zerodha", 2, 0.0, timeout_s=30.0)
    old, new = view(topics=3, seen=3), view(topics=3, seen=1)
    assert handover.observe(1.0, old, new) == []
    assert handover.observe(1.0 + SETTLE_S, old, new) == [Step.STOP_OLD]


def test_a_new_one_that_never_connects_is_killed_and_the_old_one_stays():
    handover = Handover("zerodha", 2, 0.0, timeout_s=5.0)
    assert handover.observe(4.9, view(), view(State.READY)) == []
    assert handover.observe(5.0, view(), view(State.READY)) == [Step.KILL_NEW]
    assert handover.phase is Phase.FAILED
    assert "still connecting" in handover.lines[-1]
