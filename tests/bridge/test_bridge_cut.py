"""A cable that is pulled and put back: between two machines, and between bridge and NATS."""

import time

import machines
import pytest
from nats_servers import NatsServer, free_ports
from tally import SYMBOLS, everybody
from two_sites import here, nothing_is_lost, there
from wire import Wire

pytestmark = [pytest.mark.process, pytest.mark.peer, pytest.mark.timeout(600)]


def test_the_cable_between_two_machines_is_cut_and_mended(system, tmp_path):
    """Two network namespaces; the servers' side goes on, the other catches up."""
    if why := machines.why_not():
        pytest.skip(why)
    with machines.Machines() as both:
        with machines.inside(both.home):
            host = machines.HOME_ADDRESS
            server = NatsServer(tmp_path, "nats", free_ports(1)[0], host=host).start()
            home = system(here(server.url)).up()
        try:
            with machines.inside(both.far):
                far = system(there(server.url)).up()
                (client,) = everybody(far, far.key(), (SYMBOLS, 1))
                far.wait_for(lambda: client.tally.received > 2000)
                both.cut()
                far.wait_for(lambda: far.process("mumbai")["state"] != "running")
                quiet = client.tally.received
                time.sleep(1)  # the cut itself: nothing can be waited for that must not happen
                assert client.tally.received == quiet
                both.mend()
                far.wait_for(lambda: client.tally.received > quiet + 10_000, 60)
                far.wait_for(lambda: far.process("mumbai")["state"] == "running")
                client.stop()
                client.tally.assert_exactly_once(SYMBOLS)
            with machines.inside(both.home):
                origin = home.process("bridge")["stats"]
            with machines.inside(both.far):
                reader = far.process("mumbai")["stats"]
                far.run("down")
            assert origin["lost_total"] == reader["lost_total"] == reader["expired_total"] == 0
            assert reader["connections_total"] > 1
            with machines.inside(both.home):
                home.run("down")
        finally:
            server.kill()


def test_the_cable_between_bridge_and_nats_is_cut_and_mended(system, nats_server):
    """The bridge keeps what NATS does not take, and demand outlives the cut."""
    server = nats_server()
    wire = Wire(server.port)
    try:
        home = system(here(f"nats://127.0.0.1:{wire.port}", nats='flow = "demand"')).up()
        far = system(there(server.url)).up()
        (client,) = everybody(far, far.key(), (SYMBOLS, 1))
        far.wait_for(lambda: client.tally.received > 2000)
        wire.cut()
        home.wait_for(lambda: home.process("bridge")["stats"]["waiting"] > 3000)
        home.wait_for(lambda: home.process("bridge")["state"] != "running")
        far.wait_for(lambda: far.process("mumbai")["state"] != "running")
        assert "bridge" in far.process("mumbai")["stats"]["broker_detail"]
        wire.mend()
        seen = client.tally.received
        far.wait_for(lambda: client.tally.received > seen + 10_000, 60)
        far.wait_for(lambda: far.process("mumbai")["state"] == "running")
        client.stop()
        client.tally.assert_exactly_once(SYMBOLS)
        nothing_is_lost(home, far)
    finally:
        wire.close()
