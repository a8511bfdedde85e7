"""Two minutes of chaos; `python tests/chaos/chaos.py --minutes N` for more.

The same seed gives the same actions; when each falls depends on the machine.
"""

import importlib.util
import os
import random
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MINUTES = float(os.environ.get("OPENALGO_STREAM_TEST_CHAOS_MINUTES", "2"))
SEED = int(os.environ.get("OPENALGO_STREAM_TEST_CHAOS_SEED", "20261121"))


def load(name):
    """Modules of this folder import one another by their names."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


actions = load("actions")


@pytest.mark.process
@pytest.mark.timeout(MINUTES * 60 + 240)
def test_nothing_that_goes_wrong_breaks_what_is_promised(system):
    print(f"OPENALGO_STREAM_TEST_CHAOS_SEED={SEED}")
    chaos = load("chaos")
    one = system(chaos.config())
    result = chaos.Chaos(one, SEED, MINUTES).run()
    for row in result.table():
        print(*row)
    assert result.broken == [], one.logs()
    assert len(result.events) > 10 * MINUTES


def test_a_seed_is_a_series_of_actions_and_nobody_fails_too_often():
    def series(seed):
        schedule, now, made = actions.Schedule(random.Random(seed)), 0.0, []
        for _ in range(300):
            made += [(now, action) for action in schedule.next(now)]
            now += 1.0 + schedule.pause_s()
        return made

    made = series(1)
    assert made == series(1)
    assert made != series(2)
    assert {action.kind for _, action in made} == actions.KINDS.keys()
    for now, action in made:
        recent = [a for at, a in made if at <= now < at + 60 and a.is_failure]
        assert sum(a.target == action.target for a in recent) < 5
