"""The lifecycle under every order of events, with the time as input."""

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bus.control.exits import Exit
from supervisor.processes.lifecycle import (
    ALIVE,
    CRASH_LOOP_FAILURES,
    HEARTBEAT_TIMEOUT_S,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Lifecycle,
    Signal,
    Spawn,
    State,
)


class LifecycleMachine(RuleBasedStateMachine):
    """A world with at most one process, which does what a process may do at any time."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0
        self.life = Lifecycle(random=Random(1))
        self.process = False
        self.spawned = 0

    def carry_out(self, actions):
        for action in actions:
            if action is Spawn.NOW:
                assert not self.process, "two processes at once"
                self.process = True
                self.spawned += 1
            else:
                assert self.life.state in ALIVE
            if action is Signal.KILL:
                self.die(-9)

    def die(self, code):
        if self.process:
            self.process = False
            self.carry_out(self.life.exited(self.now, code, f"exit {code}"))

    @rule(seconds=st.floats(0.01, 100.0))
    def time_passes(self, seconds):
        self.now += seconds
        self.carry_out(self.life.tick(self.now))

    @rule(seconds=st.floats(1.0, 5000.0))
    def the_supervisor_oversleeps(self, seconds):
        """Nobody is given up for what the supervisor did not see."""
        self.now += seconds
        before = self.life.state
        self.life.overslept(seconds)
        if before in {State.READY, State.RUNNING} and self.life.heartbeat_at is not None:
            late = self.now - seconds - self.life.heartbeat_at
            if late < HEARTBEAT_TIMEOUT_S and not self.life._aborted:
                assert self.life.tick(self.now) == []

    @rule()
    def operator_starts(self):
        self.carry_out(self.life.start(self.now))

    @rule()
    def operator_stops(self):
        self.carry_out(self.life.stop(self.now))

    @rule()
    def operator_restarts(self):
        self.carry_out(self.life.restart(self.now))

    @precondition(lambda self: self.process)
    @rule()
    def process_says_hello(self):
        self.life.hello(self.now)

    @precondition(lambda self: self.process)
    @rule(ready=st.booleans())
    def process_beats(self, ready):
        self.life.heartbeat(self.now, ready=ready)

    @precondition(lambda self: self.process)
    @rule(code=st.sampled_from([0, 1, -9, -11, 70, 75, 77, 78]))
    def process_dies(self, code):
        self.die(code)

    @invariant()
    def state_and_process_agree(self):
        assert self.process == (self.life.state in ALIVE)

    @invariant()
    def generations_count_the_spawns(self):
        assert self.life.generation == self.spawned

    @invariant()
    def something_will_happen_unless_it_rests(self):
        resting = {State.STOPPED, State.FAILED, State.NEEDS_TOKEN}
        assert (self.life.deadline is None) == (self.life.state in resting)


TestLifecycleMachine = LifecycleMachine.TestCase
TestLifecycleMachine.settings = settings(max_examples=200, stateful_step_count=40)


def running(now=0.0):
    life = Lifecycle(random=Random(3))
    life.start(now)
    life.hello(now)
    life.heartbeat(now, ready=True)
    assert life.state is State.RUNNING
    return life


def test_the_first_crash_is_answered_at_once():
    life = running()
    assert life.exited(1.0, -9, "killed") == [Spawn.NOW]
    assert (life.state, life.generation, life.restarts) == (State.STARTING, 2, 1)


def test_a_crash_loop_is_seen_probed_at_the_cap_and_cleared_by_a_restart():
    life, now, spawns = Lifecycle(random=Random(3)), 0.0, 1
    life.start(now)
    while now < 60.0:
        if life.state in ALIVE:
            spawns += len(life.exited(now, 1, "boom"))
        now = max(now, life.deadline or 0.0)
        spawns += len(life.tick(now))
    assert spawns <= 10
    assert life.detail == "" or "boom" in life.detail
    while life.state is State.STARTING:
        life.exited(now, 1, "boom")
    assert life.state is State.CRASH_LOOP
    assert life.deadline - now >= 0.75 * 30.0
    assert life.restart(now) == [Spawn.NOW]
    assert life.exited(now, 1, "boom") == [Spawn.NOW]  # its slate is clean again


def test_crashes_far_apart_are_no_loop():
    life, now = running(), 0.0
    for _ in range(3 * CRASH_LOOP_FAILURES):
        now += 120.0
        assert life.exited(now, -11, "crash") == [Spawn.NOW]
        life.hello(now)
        life.heartbeat(now, ready=True)


@pytest.mark.parametrize(
    ("code", "state"),
    [(Exit.CONFIGURATION, State.FAILED), (Exit.CREDENTIALS, State.NEEDS_TOKEN)],
)
def test_exit_codes_that_no_restart_helps_are_believed(code, state):
    life = running()
    assert life.exited(1.0, code, "why") == []
    assert (life.state, life.detail) == (state, "why")
    assert life.tick(1e9) == []
    assert life.restart(1e9) == [Spawn.NOW]


def test_a_hung_process_is_made_to_dump_then_killed_then_replaced():
    life = running()
    assert life.tick(HEARTBEAT_TIMEOUT_S - 0.01) == []
    assert life.tick(HEARTBEAT_TIMEOUT_S) == [Signal.ABORT]
    life.heartbeat(HEARTBEAT_TIMEOUT_S + 0.1, ready=True)  # too late
    assert life.tick(HEARTBEAT_TIMEOUT_S + 0.5) == [Signal.KILL]
    assert life.exited(HEARTBEAT_TIMEOUT_S + 0.6, -9, "killed") == [Spawn.NOW]


def test_one_that_never_says_hello_is_given_up():
    life = Lifecycle(random=Random(3))
    life.start(0.0)
    assert life.tick(START_TIMEOUT_S) == [Signal.ABORT]


def test_one_that_does_not_stop_is_killed():
    life = running()
    assert life.stop(0.0) == [Signal.STOP]
    assert life.tick(STOP_TIMEOUT_S) == [Signal.KILL]
    assert life.exited(STOP_TIMEOUT_S, -9, "killed") == []
    assert life.state is State.STOPPED


def test_a_restart_counts_and_comes_back_without_delay():
    life = running()
    assert life.restart(5.0) == [Signal.STOP]
    assert life.exited(5.1, 0, "ended") == [Spawn.NOW]
    assert (life.restarts, life.generation) == (1, 2)


def test_an_adopted_process_goes_on_as_if_it_had_been_spawned():
    life = Lifecycle(random=Random(3))
    life.adopt(100.0, generation=7, restarts=2, age_s=50.0)
    assert (life.state, life.generation, life.restarts, life.started_at) == (
        State.READY,
        7,
        2,
        50.0,
    )
    life.heartbeat(100.5, ready=True)
    assert life.exited(101.0, -9, "killed") == [Spawn.NOW]
    assert life.generation == 8


@pytest.mark.parametrize("seed", range(50))
def test_one_that_exits_at_once_is_started_ten_times_a_minute_at_most(seed):
    life, now, spawned = Lifecycle(random=Random(seed)), 0.0, 0
    actions = life.start(now)
    while now < 60.0:
        if Spawn.NOW in actions:
            spawned += 1
            actions = life.exited(now, 1, "exit code 1")
            continue
        now += 0.01
        actions = life.tick(now)
    assert spawned <= 10
    assert life.state is State.CRASH_LOOP


def test_a_healthy_minute_forgets_the_failures_before_it():
    life = Lifecycle(random=Random(1))
    life.start(0.0)
    for now in (1.0, 5.0):
        life.exited(now, 1, "")
        life.tick(now + 4.0)
    life.hello(10.0)
    life.heartbeat(10.0, ready=True)
    assert life.exited(71.0, 1, "") == [Spawn.NOW], "the first crash is answered at once"
