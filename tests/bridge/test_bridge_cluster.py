"""A cluster of three servers, of which the one that matters most is killed under load."""

import asyncio

import nats
import pytest
from tally import SYMBOLS, everybody
from two_sites import here, nothing_is_lost, there

pytestmark = [pytest.mark.process, pytest.mark.peer, pytest.mark.timeout(600)]


def leader(servers, stream="MD"):
    """The server through which all that is written goes."""

    async def ask():
        client = await nats.connect([server.url for server in servers], allow_reconnect=False)
        try:
            return (await client.jetstream().stream_info(stream)).cluster.leader
        finally:
            await client.close()

    name = asyncio.run(ask())
    return next(server for server in servers if server.name == name)


def test_the_leader_is_killed_under_load_and_nothing_is_lost(system, nats_cluster):
    urls = [server.url for server in nats_cluster]
    home = system(here(*urls, nats='replicas = 3\nflow = "demand"', rate=2000)).up()
    far = system(there(*urls)).up()
    (client,) = everybody(far, far.key(), (SYMBOLS, 1))
    far.wait_for(lambda: client.tally.received > 3000, 60)

    first = leader(nats_cluster)
    first.kill()
    rest = [server for server in nats_cluster if server is not first]
    for _ in range(2):  # it goes on with two, and once more when the third is back
        seen = client.tally.received
        far.wait_for(lambda seen=seen: client.tally.received > seen + 5000, 90)
        if first.process is None:
            assert leader(rest) is not first
            first.start()
    client.stop()
    client.tally.assert_exactly_once(SYMBOLS)
    nothing_is_lost(home, far)
    stats = home.process("bridge")["stats"]
    print(f"{client.tally.received} ticks, {stats['connections_total']} connections of the bridge")
