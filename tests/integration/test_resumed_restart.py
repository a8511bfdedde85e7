"""The supervisor is killed in the middle of a restart: the next one goes on with it."""

import json
import os
import signal
import subprocess

import pytest
from system import CLI
from tally import SYMBOLS, Counting

from bus.moving.passing import can_pass_sockets

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

MARKET = """
[simulators.sim]
broker = "zerodha"
market = "numbered"
rate = 500

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = { api_key = "k", access_token = "t" }
"""
WANTED = SYMBOLS[:10]


def generations(one, name):
    """Those of a name that live, as the run file has them."""
    run = json.loads((one.folder / "state" / "run.json").read_text())
    return [record["generation"] for record in run["processes"] if record["name"] == name]


@pytest.mark.parametrize("name", ["zerodha", "proxy", "marketdata"])
def test_a_restart_that_a_dead_supervisor_began_is_carried_on(system, name):
    if name != "zerodha" and not can_pass_sockets():
        pytest.skip("open sockets cannot move here")
    one = system(MARKET).up()
    client = Counting(one, one.key(), WANTED)
    one.wait_for(lambda: client.tally.received > 50)
    client.forget()
    supervisor = one.status()["supervisor"]["pid"]
    restart = subprocess.Popen([*CLI, "restart", name, "--config", str(one.config)], cwd=one.folder)
    one.wait_for(lambda: generations(one, name) == [1, 2])
    os.kill(supervisor, signal.SIGKILL)
    one.up()
    restart.wait(60)
    # On a busy machine the new one may have given up meanwhile: then the old one goes on.
    one.wait_for(lambda: generations(one, name) in ([1], [2]) and one.settled(), timeout_s=60)
    print(f"{name}: generation {generations(one, name)}")
    seen = client.tally.received
    one.wait_for(lambda: client.tally.received > seen + 50)
    client.stop()
    assert not client.closed
    client.tally.assert_exactly_once(WANTED)
