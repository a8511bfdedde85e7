"""A standby takes over: every client sees every tick once, in order, whoever is killed."""

import os
import signal
import time

import pytest
from truth import Reader, Truth, control

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

TRUTH = Truth(1000)
KITE = 'credentials = { api_key = "k", access_token = "t" }'
MARKET = f"""
{TRUTH.section()}
[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
standby = true
{KITE}
"""


def test_kill_9_of_the_active_and_of_its_successor_loses_nothing(system):
    one = system(MARKET).up()
    wait_for_both(one)
    instruments = TRUTH.instruments(50)
    reader = Reader(one, one.key(), instruments)
    wait_for_demand(one, len(instruments))
    for _ in range(2):
        before = adapter(one)
        os.kill(before["pid"], signal.SIGKILL)
        one.wait_for(lambda pid=before["standby"]["pid"]: adapter(one)["pid"] == pid)
        wait_for_both(one)
        wait_for_demand(one, len(instruments))
        after = adapter(one)
        assert after["generation"] == before["standby"]["generation"]
        assert after["takeovers"] == before["takeovers"] + 1
        assert after["restarts"] == before["restarts"] + 1
        time.sleep(0.5)
    reader.stop()
    assert not reader.closed
    assert reader.seen.keys() == {row["symbol"] for row in instruments}
    print(one.status(), one.logs())
    TRUTH.check(reader.seen)
    assert one.process("proxy")["stats"]["last_gap_ms"] > 0


def test_a_standby_that_dies_and_a_restart_are_not_seen(system):
    one = system(MARKET).up()
    wait_for_both(one)
    reader = Reader(one, one.key(), TRUTH.instruments(20))
    wait_for_demand(one, 20)
    active = adapter(one)["pid"]
    os.kill(adapter(one)["standby"]["pid"], signal.SIGKILL)
    one.wait_for(lambda: (adapter(one)["standby"] or {}).get("generation") == 3)
    wait_for_both(one)
    assert adapter(one)["pid"] == active
    assert adapter(one)["takeovers"] == 0
    told = one.run("restart", "zerodha").stdout
    assert "zerodha restarted: generation 4" in told
    wait_for_both(one)
    assert adapter(one)["standby"]["generation"] == 5
    assert one.run("token", "set", "zerodha", stdin="t2\n").returncode == 0
    wait_for_both(one)
    assert adapter(one)["generation"] > 5
    reader.stop()
    TRUTH.check(reader.seen)
    connections = stats_of_market(one)["clients"]
    assert connections == 2, "the broker is asked for no more than two sessions"


def test_a_broker_that_drops_the_active_session_only_costs_no_tick(system):
    """Both sessions are dropped; each connects again, and whoever is first feeds."""
    one = system(MARKET).up()
    wait_for_both(one)
    reader = Reader(one, one.key(), TRUTH.instruments(10))
    wait_for_demand(one, 10)
    control(one, "disconnect=1")
    wait_for_demand(one, 10)
    before = sum(map(len, reader.seen.values()))
    one.wait_for(lambda: sum(map(len, reader.seen.values())) > before + 50)
    reader.stop()


def test_a_new_supervisor_takes_on_both_and_whoever_is_left(system):
    one = system(MARKET).up()
    wait_for_both(one)
    reader = Reader(one, one.key(), TRUTH.instruments(10))
    wait_for_demand(one, 10)
    before = adapter(one)
    os.kill(one.status()["supervisor"]["pid"], signal.SIGKILL)
    os.kill(before["pid"], signal.SIGKILL)  # and nobody is there to see it
    seen = sum(map(len, reader.seen.values()))
    one.wait_for(lambda: sum(map(len, reader.seen.values())) > seen + 100)
    one.up()
    wait_for_both(one)
    after = adapter(one)
    assert after["pid"] == before["standby"]["pid"]
    assert after["standby"]["generation"] > after["generation"]
    reader.stop()
    TRUTH.check(reader.seen)
    one.run("down")
    assert not (one.folder / "state" / "run.json").exists()


@pytest.mark.parametrize(
    ("adapter_lines", "why"),
    [
        ('broker = "upstox"\ncredentials = { access_token = "t" }', "ends the first"),
        ('broker = "zerodha"\nconnections = 1\n' + KITE, "two sessions need two connections"),
    ],
)
def test_where_two_sessions_cannot_be_it_is_refused_in_words(system, adapter_lines, why):
    done = system(f"[adapters.one]\n{adapter_lines}\nstandby = true\n").run("up", check=False)
    assert done.returncode == 1
    assert "adapters.one.standby" in done.stderr
    assert why in done.stderr


def adapter(one):
    return one.process("zerodha")


def wait_for_both(one):
    def both():
        status = adapter(one)
        standby = status["standby"]
        return standby is not None and status["state"] == standby["state"] == "running"

    one.wait_for(both)


def wait_for_demand(one, symbols):
    """Until both have asked the broker for everything and had a tick of it."""

    def ready():
        status = adapter(one)
        return all(
            stats.get("topics_seen") == stats.get("topics") == symbols
            for stats in (status["stats"], status["standby"]["stats"])
        )

    one.wait_for(ready)
    time.sleep(1.0)  # figures come once a second: by the next ones it is so still
    one.wait_for(ready)


def stats_of_market(one):
    return one.process("sim")["stats"]
