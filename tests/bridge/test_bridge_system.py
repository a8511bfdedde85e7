"""From a broker over NATS to a client of another system, by real processes."""

import json

import pytest
from tally import SYMBOLS, everybody

pytestmark = [pytest.mark.process, pytest.mark.peer, pytest.mark.timeout(240)]

HERE = """
[simulators.sim]
broker = "zerodha"
market = "numbered"
rate = 1000
{simulator}

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "k", access_token = "t" }}

[nats]
enabled = true
servers = [{servers}]
{nats}
"""
THERE = """
[adapters.mumbai]
broker = "nats"
options = {{ adapter = "zerodha", servers = [{servers}] {options} }}
"""


def quoted(*servers):
    return ", ".join(json.dumps(server.url) for server in servers)


def here(*servers, nats="", simulator=""):
    return HERE.format(servers=quoted(*servers), nats=nats, simulator=simulator)


def there(*servers, options=""):
    return THERE.format(servers=quoted(*servers), options=options)


def test_a_client_over_there_gets_every_tick_and_demand_crosses(system, nats_server):
    server = nats_server()
    home = system(here(server, nats='flow = "demand"')).up()
    far = system(there(server)).up()
    far.wait_for(lambda: far.process("mumbai")["state"] == "running")
    assert home.process("zerodha")["stats"]["topics"] == 0
    (client,) = everybody(far, far.key(), (SYMBOLS, 1))
    far.wait_for(lambda: client.tally.received > 3000)
    assert home.process("zerodha")["stats"]["topics"] == len(SYMBOLS)
    assert home.process("bridge")["stats"]["sites"] == 1
    client.stop()
    client.tally.assert_exactly_once(SYMBOLS)
    home.wait_for(lambda: home.process("zerodha")["stats"]["topics"] == 0)
    for one, name in ((home, "bridge"), (far, "mumbai")):
        assert one.process(name)["stats"]["lost_total"] == 0
