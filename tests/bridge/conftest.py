"""Servers of NATS for these tests."""

import pytest
from nats_servers import NatsServer, cluster, free_ports


@pytest.fixture
def nats_server(tmp_path):
    """`nats_server(more)`: a server that is killed with the test."""
    made = []

    def make(more="", name="nats"):
        made.append(NatsServer(tmp_path, name, free_ports(1)[0], more).start())
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def nats_cluster(tmp_path):
    """Three servers that form a cluster."""
    servers = cluster(tmp_path)
    yield servers
    for server in servers:
        server.kill()
