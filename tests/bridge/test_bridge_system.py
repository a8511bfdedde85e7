"""From a broker over NATS to a client of another system, by real processes."""

import pytest
from tally import SYMBOLS, everybody
from two_sites import here, nothing_is_lost, there

pytestmark = [pytest.mark.process, pytest.mark.peer, pytest.mark.timeout(240)]


def test_a_client_over_there_gets_every_tick_and_demand_crosses(system, nats_server):
    server = nats_server()
    home = system(here(server.url, nats='flow = "demand"')).up()
    far = system(there(server.url)).up()
    far.wait_for(lambda: far.process("mumbai")["state"] == "running")
    assert home.process("zerodha")["stats"]["topics"] == 0
    (client,) = everybody(far, far.key(), (SYMBOLS, 1))
    far.wait_for(lambda: client.tally.received > 2000)
    assert home.process("zerodha")["stats"]["topics"] == len(SYMBOLS)
    assert home.process("bridge")["stats"]["sites"] == 1

    home.run("restart", "zerodha")  # a hand-over there is none of a client's business here
    far.run("restart", "mumbai")  # nor is one here
    seen = client.tally.received
    far.wait_for(lambda: client.tally.received > seen + 2000)

    server.kill()  # both sides wait for it; what is stored is there when it is back
    far.wait_for(lambda: far.process("mumbai")["state"] != "running")
    far.wait_for(lambda: home.process("bridge")["stats"]["waiting"] > 500)
    server.start()
    seen = client.tally.received
    far.wait_for(lambda: client.tally.received > seen + 2000)
    client.stop()
    client.tally.assert_exactly_once(SYMBOLS)
    home.wait_for(lambda: home.process("zerodha")["stats"]["topics"] == 0)
    nothing_is_lost(home, far)
