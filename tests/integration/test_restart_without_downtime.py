"""Restarts under load: every client sees every tick exactly once, in order."""

import json
import os
import signal
import threading
import time

import pytest
from truth import Reader, Truth, control

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

TRUTH = Truth(1000)
MARKET = f"""
{TRUTH.section()}
[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "k", access_token = "t" }}
"""


def test_restarts_in_a_row_lose_nothing_and_repeat_nothing(system):
    one = system(MARKET).up()
    instruments = TRUTH.instruments()
    key = one.key()
    readers = [Reader(one, key, instruments), Reader(one, key, instruments[:10])]
    time.sleep(1.0)
    restarts = int(os.environ.get("OPENALGO_STREAM_TEST_RESTARTS", "2"))
    for _ in range(restarts):
        told = one.run("restart", "zerodha").stdout
        assert "it has subscribed" in told
        assert "longest gap" in told
        print(told.splitlines()[-1])
    time.sleep(0.5)
    after = one.process("zerodha")
    for reader in readers:
        reader.stop()
        assert not reader.closed
    assert (after["generation"], after["restarts"]) == (restarts + 1, restarts)
    for reader, wanted in zip(readers, (instruments, instruments[:10]), strict=True):
        assert reader.seen.keys() == {row["symbol"] for row in wanted}
        TRUTH.check(reader.seen)
    assert one.process("proxy")["stats"]["lost_total"] == 0


def test_a_generation_that_cannot_come_up_leaves_the_old_one_alone(system):
    one = system(MARKET).up()
    reader = Reader(one, one.key(), TRUTH.instruments(5))
    time.sleep(0.5)
    before = one.process("zerodha")
    control(one, "refuse=on")
    done = one.run("restart", "zerodha", "--timeout", "3", check=False)
    assert done.returncode == 1
    assert "the old generation goes on" in done.stdout
    after = one.process("zerodha")
    assert after["pid"] == before["pid"]
    assert after["state"] == "running"
    control(one, "refuse=off")
    assert "generation 3" in one.run("restart", "zerodha").stdout
    reader.stop()
    TRUTH.check(reader.seen)


def test_the_market_data_service_is_handed_over(system):
    one = system(MARKET).up()
    before = one.process("marketdata")
    assert "marketdata restarted: generation 2" in one.run("restart", "marketdata").stdout
    after = one.process("marketdata")
    assert after["pid"] != before["pid"]
    assert after["state"] == "running"


def test_the_old_generation_may_be_killed_while_the_new_one_starts(system):
    one = system(MARKET).up()
    reader = Reader(one, one.key(), TRUTH.instruments(5))
    old = one.process("zerodha")["pid"]
    restart = threading.Thread(target=one.run, args=("restart", "zerodha"), kwargs={"check": False})
    restart.start()
    one.wait_for(lambda: len(generations(one)) == 2)
    os.kill(old, signal.SIGKILL)
    restart.join()
    one.wait_for(one.settled)
    assert generations(one) == [2]
    before = sum(map(len, reader.seen.values()))
    one.wait_for(lambda: sum(map(len, reader.seen.values())) > before + 20)
    reader.stop()
    assert not reader.closed


def test_the_new_generation_may_be_killed_while_it_joins(system):
    one = system(MARKET).up()
    reader = Reader(one, one.key(), TRUTH.instruments(5))
    one.wait_for(lambda: sum(map(len, reader.seen.values())) > 20)
    for _ in range(3):
        before = generations(one)
        restart = threading.Thread(
            target=one.run, args=("restart", "zerodha"), kwargs={"check": False}
        )
        restart.start()
        one.wait_for(lambda before=before: len(generations(one)) > len(before))
        os.kill(newest_pid(one), signal.SIGKILL)
        restart.join()
        # A first crash is answered at once, so that the restart may succeed all the same.
        one.wait_for(one.settled)
        [left] = generations(one)
        assert left == before[0] or left > before[0] + 1
    before = sum(map(len, reader.seen.values()))
    one.wait_for(lambda: sum(map(len, reader.seen.values())) > before + 20)
    reader.stop()
    TRUTH.check(reader.seen)


def newest_pid(one):
    run = json.loads((one.folder / "state" / "run.json").read_text())
    mine = [record for record in run["processes"] if record["name"] == "zerodha"]
    return max(mine, key=lambda record: record["generation"])["pid"]


def generations(one):
    """Those of the adapter that live, by the supervisor's own record."""
    run = json.loads((one.folder / "state" / "run.json").read_text())
    return [p["generation"] for p in run["processes"] if p["name"] == "zerodha"]
