"""Demand per instrument against a plain model."""

from collections import defaultdict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.demand.names import Change, Demand
from bus.topics import Mode

NAMES = st.sampled_from([("NSE", "A"), ("NSE", "B"), ("NFO", "A")])
MODES = st.sampled_from(list(Mode))


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        (None, Mode.LTP, "ask"),
        (Mode.LTP, Mode.DEPTH, "raise"),
        (Mode.DEPTH, Mode.QUOTE, "lower"),
        (Mode.QUOTE, None, "withdraw"),
        (Mode.QUOTE, Mode.QUOTE, "keep"),
        (None, None, "keep"),
    ],
)
def test_actions(before, after, action):
    assert Change(before, after).action == action


class DemandMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.demand = Demand()
        self.model = defaultdict(set)
        self.broker = {}

    @rule(name=NAMES, mode=MODES)
    def add(self, name, mode):
        self.model[name].add(mode)
        self.apply(name, self.demand.add(name, mode))

    @rule(name=NAMES, mode=MODES)
    def remove(self, name, mode):
        self.model[name].discard(mode)
        self.apply(name, self.demand.remove(name, mode))

    def apply(self, name, change):
        assert change.before == self.broker.get(name)
        self.broker[name] = change.after

    @invariant()
    def the_broker_is_asked_for_the_highest(self):
        for name, modes in self.model.items():
            assert self.broker.get(name) == max(modes, default=None) == self.demand.highest(name)
            assert all(self.demand.holds(name, mode) == (mode in modes) for mode in Mode)
        assert len(self.demand) == sum(bool(modes) for modes in self.model.values())


TestDemand = DemandMachine.TestCase
TestDemand.settings = settings(max_examples=50)
