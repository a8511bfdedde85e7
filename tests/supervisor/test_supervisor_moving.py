"""Replacing a proxy under every order of events, with the time as input."""

import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from supervisor.processes.lifecycle import State
from supervisor.replacing.handover import Step, View
from supervisor.replacing.inheriting import meeting_place
from supervisor.replacing.proxy_handover import Moving, MovingPhase

GONE = [State.STOPPED, State.BACKOFF, State.CRASH_LOOP, State.FAILED]


def old_view(word="", state=State.RUNNING, to=2, **counts):
    stats = {"handover": word, "handover_to": to, "handover_of": 5, **counts} if word else {}
    return View(state, stats)


def new_view(state=State.RUNNING, arrived=0):
    return View(state, {"arrived": arrived})


class MovingMachine(RuleBasedStateMachine):
    """Two proxies that do what proxies may do, and a shell that carries out the steps."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.moving = Moving("proxy", 2, 0.0, timeout_s=30.0)
        self.old = old_view()
        self.new = new_view(State.STARTING)
        self.told = self.killed = False

    def look(self):
        if self.moving.over:
            return
        for step in self.moving.observe(self.now, self.old, self.new):
            if step is Step.TELL_OLD:
                assert not self.told
                assert self.new.state in {State.READY, State.RUNNING}
                self.told = True
            elif step is Step.KILL_NEW:
                self.killed = True
            else:
                raise AssertionError("an old proxy ends by itself, once it has given everything")

    @rule(seconds=st.floats(0.01, 5.0))
    def time_passes(self, seconds):
        self.now += seconds
        self.look()

    @precondition(lambda self: self.new.state not in GONE)
    @rule(state=st.sampled_from([State.READY, State.RUNNING]), arrived=st.integers(0, 5))
    def new_one_reports(self, state, arrived):
        self.new = new_view(state, arrived)
        self.look()

    @rule(state=st.sampled_from(GONE))
    def new_one_dies(self, state):
        self.new = View(state, self.new.stats, "exit code 1")
        self.look()

    @precondition(lambda self: self.told and self.old.state not in GONE)
    @rule(word=st.sampled_from(["joining", "moving", "draining", "done", "failed"]))
    def old_one_reports(self, word):
        self.old = old_view(word, handover_why="no answer" if word == "failed" else "")
        self.look()

    @precondition(lambda self: self.old.state not in GONE)
    @rule()
    def old_one_tells_of_an_earlier_attempt(self):
        self.old = old_view("failed", to=1)
        self.look()

    @rule()
    def old_one_ends(self):
        self.old = View(State.STOPPED, self.old.stats)
        self.look()

    @invariant()
    def the_new_one_is_in_charge_only_when_the_old_one_is_gone(self):
        if self.moving.done:
            assert not self.killed
            assert self.told

    @invariant()
    def a_failure_ends_the_new_one(self):
        assert (self.moving.phase is MovingPhase.FAILED) == self.killed

    @invariant()
    def it_does_not_go_on_for_ever_before_anything_moved(self):
        early = {MovingPhase.STARTING, MovingPhase.JOINING}
        if self.now > 40.0 and self.moving.phase in early:
            self.look()
            assert self.moving.over or self.moving.phase not in early


TestMovingMachine = MovingMachine.TestCase


def test_what_a_person_is_told():
    moving = Moving("proxy", 2, 10.0, timeout_s=30.0)
    assert moving.observe(10.1, old_view(), new_view(State.READY)) == [Step.TELL_OLD]
    moving.observe(10.2, old_view("joining"), new_view(State.READY))
    moving.observe(10.3, old_view("moving", handover_topics=7), new_view())
    moving.observe(11.4, old_view("moving"), new_view(arrived=3))
    moving.observe(11.5, old_view("draining", handover_draining=1), new_view(arrived=5))
    moving.observe(12.0, View(State.STOPPED, {}), new_view(arrived=5))
    assert moving.done
    assert [line.partition(": ")[2] for line in moving.lines] == [
        "generation 2 has started",
        "it has joined the bus: 7 topics",
        "connections moved: 3 of 5",
        "connections that cannot move, to be ended bit by bit: 1",
        "connections moved: 5 of 5",
        "the old generation has ended",
    ]


def test_who_had_moved_to_a_new_one_that_fails_is_told():
    moving = Moving("proxy", 2, 0.0, timeout_s=30.0)
    moving.observe(0.1, old_view(), new_view(State.READY))
    moving.observe(0.2, old_view("moving"), new_view(arrived=2))
    died = View(State.STOPPED, {"arrived": 2}, "ended by SIGKILL")
    assert moving.observe(0.3, old_view("moving"), died) == [Step.KILL_NEW]
    assert moving.lines[-1].endswith(
        "it did not come up: ended by SIGKILL; the old generation goes on "
        "(2 connections that had moved have to come back)"
    )


def test_the_meeting_place_is_gone_afterwards_also_where_paths_are_long(tmp_path):
    deep = tmp_path / ("a-folder-with-a-rather-long-name/" * 4)
    for root in (Path(tempfile.gettempdir()), deep):
        with meeting_place(root, "proxy-test") as path:
            assert len(str(path)) <= 100
            assert path.parent.is_dir() or path.parent == deep
            path.touch()
        assert not path.exists()
