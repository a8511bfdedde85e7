"""`bench`: what is made of its figures, and a short run of it."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.cli.bench_ladder import Step, best, ladder, verdict

GOOD = Step(
    clients=10, rate=500.0, delivered_per_s=5000.0, share=1.0, lost=0, conflated=0,
    cpu_percent=50.0, p50_us=200.0, p99_us=3000.0, p999_us=9000.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "trouble"),
    [
        ({}, ""),
        ({"lost": 7}, "7 ticks were lost"),
        ({"conflated": 2000}, "2,000 ticks were conflated: clients were behind"),
        ({"share": 0.9}, "only 90% arrived in time"),
        ({"p99_us": 250_000.0}, "p99 is 250 ms, above 100 ms"),
        ({"p99_us": None}, "no latency was measured"),
    ],
)
def test_a_step_is_kept_up_unless_ticks_are_lost_conflated_or_late(changed, trouble):
    assert replace(GOOD, **changed).trouble == trouble


@given(st.integers(1, 50), st.integers(1, 5000))
def test_the_ladder_doubles_up_to_its_end(first, most):
    steps = ladder(first, most)
    assert steps[-1] == most
    assert steps[0] == min(first, most)
    assert all(a < b <= 2 * a for a, b in itertools.pairwise(steps))


def test_the_verdict_is_about_the_last_step_before_the_first_trouble():
    bad = replace(GOOD, clients=40, conflated=9)
    lucky = replace(GOOD, clients=80)
    steps = [GOOD, replace(GOOD, clients=20, delivered_per_s=10_000.0), bad, lucky]
    assert best(steps) == steps[1]
    told = verdict(steps)
    assert "carries 20 clients with 500 ticks/s each: 10,000 messages/s." in told[0]
    assert "20 programs with 500 symbols each" in told[1]
    assert told[2].startswith("With 40 clients it did not keep up: 9 ticks were conflated")


def test_a_machine_that_carries_all_is_told_so_and_one_that_carries_nothing_too():
    assert "more than was tried: see --max-clients" in verdict([GOOD])[0]
    bad = replace(GOOD, share=0.2)
    assert best([bad]) is None
    assert "did not keep up with the smallest load: only 20% arrived" in verdict([bad])[0]


@pytest.mark.process
@pytest.mark.timeout(180)
def test_a_short_run_measures_real_processes_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "supervisor", "bench",
         "--rate", "50", "--max-clients", "2", "--seconds", "2", "--json"],
        capture_output=True, text=True, check=False, timeout=150, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    told = json.loads(done.stdout)
    (step,) = told["steps"]
    print(step)
    assert step["clients"] == 2
    # A loaded machine may be late; what is measured has to be real all the same.
    assert 0 < step["delivered_per_s"] < 50 * 2 * 1.6
    assert 0 < step["p50_us"] <= step["p99_us"] <= step["p999_us"]
    assert done.returncode == (0 if step["sustained"] else 1)
    assert told["verdict"]
    assert list(tmp_path.iterdir()) == []
