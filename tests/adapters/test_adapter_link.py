"""The life of a connection."""

import datetime as dt
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from adapters.connecting.link import PROBE_S, Link, State
from adapters.errors import Verdict
from bus.backoff import Backoff
from bus.market.hours import IST, Calendar


def make(silence_s=10.0, login_reply_s=None, stall_s=None):
    backoff = Backoff(random=Random(1))
    return Link(
        backoff=backoff,
        now=0.0,
        silence_s=silence_s,
        login_reply_s=login_reply_s,
        stall_s=stall_s,
    )


def test_the_first_attempt_is_at_once():
    link = make()
    assert (link.state, link.attempt_in_s(0.0)) == (State.CONNECTING, 0.0)


def test_silence_is_death_and_any_frame_is_life():
    link = make()
    link.opened(0.0)
    assert link.state is State.CONNECTED
    link.heard(5.0)
    assert link.overdue(14.9) is None
    assert link.overdue(15.0) == "no frame for 10.0 s"


def test_a_feed_that_may_be_silent():
    link = make(silence_s=None)
    link.opened(0.0)
    assert link.overdue(1e6) is None


def test_ticks_are_expected_only_while_the_market_is_open():
    link = make(silence_s=None, stall_s=100.0)
    link.opened(0.0)
    assert link.overdue(5000.0, expects_ticks=False) is None
    assert link.overdue(5099.0, expects_ticks=True) is None
    link.ticked(5099.0)
    assert link.overdue(5198.0, expects_ticks=True) is None
    said = "no tick for 100.0 s while the market is open"
    assert link.overdue(5199.0, expects_ticks=True) == said


def test_a_night_with_a_new_token_and_the_next_open_raise_no_false_alarm():
    """From one close to the next open, heartbeats every five seconds, and a token at three."""
    close = dt.datetime(2026, 11, 18, 16, 0, tzinfo=IST).timestamp()
    new_token, opens = 11 * 3600, 17 * 3600
    calendar, link = Calendar(), make(silence_s=15.0, stall_s=120.0)
    link.opened(0.0)
    alarms, attempts = [], 0
    for now in range(0, int(opens) + 1, 5):
        if now == new_token:
            link.renewed(float(now))
        if link.state is State.CONNECTING:
            assert link.attempt_in_s(float(now)) == 0.0, "a new token is used at once"
            link.opened(float(now))
            attempts += 1
        link.heard(float(now))
        is_open = calendar.is_open("NSE", close + now)
        alarms.append(link.overdue(float(now), expects_ticks=is_open))
    assert alarms == [None] * len(alarms)
    assert attempts == 1
    link.heard(opens)
    link.ticked(opens)
    assert link.overdue(opens + 14, expects_ticks=True) is None
    assert link.overdue(opens + 15, expects_ticks=True) == "no frame for 15.0 s"


def test_an_instrument_that_nobody_trades_costs_ever_fewer_connections():
    link = make(silence_s=None, stall_s=100.0)
    now, lives = 0.0, []
    for _ in range(8):
        opened = now
        link.opened(now)
        link.ticked(now + 1)  # the snapshot
        while link.overdue(now, expects_ticks=True) is None:
            now += 1
        lives.append(now - opened - 1)
    assert lives == [100, 200, 400, 800, 1600, 3200, 3200, 3200]
    link.opened(now)
    link.ticked(now + 60)
    assert link.overdue(now + 160, expects_ticks=True) is not None


def test_new_credentials_are_used_at_once():
    link = make()
    link.failed(0.0, Verdict.NEEDS_TOKEN, "expired")
    link.renewed(10.0)
    assert (link.state, link.attempt_in_s(10.0)) == (State.NEEDS_TOKEN, 0.0)
    link.opened(11.0)
    link.renewed(20.0)
    assert (link.state, link.detail) == (State.CONNECTING, "new credentials")
    assert link.attempt_in_s(20.0) == 0.0
    link.stop()
    link.renewed(30.0)
    assert link.attempt_in_s(30.0) is None


def test_a_login_has_to_be_answered():
    link = make(login_reply_s=5.0)
    link.opened(0.0)
    assert link.state is State.CONNECTING
    link.heard(4.0)
    assert link.overdue(4.9) is None
    assert link.overdue(5.0) == "login unanswered for 5.0 s"
    link.logged_in(5.0)
    assert link.is_up
    assert link.overdue(6.0) is None


@pytest.mark.parametrize(
    ("verdict", "state", "wait_s"),
    [
        (Verdict.NEEDS_TOKEN, State.NEEDS_TOKEN, PROBE_S),
        (Verdict.FATAL, State.STOPPED, PROBE_S),
        (Verdict.SLOW_DOWN, State.BACKOFF, 30.0),
    ],
)
def test_refusals_are_not_hammered(verdict, state, wait_s):
    link = make()
    link.failed(100.0, verdict, "no")
    assert (link.state, link.detail) == (state, "no")
    assert link.attempt_in_s(100.0) == wait_s


def test_the_state_stays_while_another_attempt_is_made():
    link = make(login_reply_s=5.0)
    link.failed(0.0, Verdict.RETRY, "refused")
    link.opened(1.0)
    assert link.state is State.BACKOFF
    link.logged_in(2.0)
    assert (link.state, link.detail) == (State.CONNECTED, "")


class LinkMachine(RuleBasedStateMachine):
    """Whatever happens, there is a next attempt within bounds, until it is stopped."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.link = make()
        self.stopped = False

    @rule(seconds=st.floats(0, 1000))
    def wait(self, seconds):
        self.now += seconds

    @precondition(lambda self: not self.stopped)
    @rule()
    def open(self):
        self.link.opened(self.now)
        assert self.link.is_up

    @rule(verdict=st.sampled_from(Verdict))
    def fail(self, verdict):
        self.link.failed(self.now, verdict, "why")
        if not self.stopped:
            assert not self.link.is_up
            assert self.link.attempt_in_s(self.now) <= PROBE_S + 1e-6

    @rule()
    def stop(self):
        self.link.stop()
        self.stopped = True

    @invariant()
    def only_stop_ends_it(self):
        assert (self.link.attempt_in_s(self.now) is None) == self.stopped
        if self.stopped:
            assert self.link.state is State.STOPPED


TestLink = LinkMachine.TestCase
TestLink.settings = settings(max_examples=50)
