"""`restart proxy` under load: no client is closed, and each sees every number exactly once.

`OPENALGO_STREAM_TEST_RESTARTS=10` is the full form; docs/reliability.md has its figures.
"""

import os
import socket

import psutil
import pytest
from tally import SYMBOLS, everybody, market

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not hasattr(socket, "SCM_RIGHTS"), reason="sockets cannot be passed here"),
]

RESTARTS = int(os.environ.get("OPENALGO_STREAM_TEST_RESTARTS", "3"))


def test_restarts_of_the_proxy_close_nobody_and_lose_nothing(system):
    one = system(market()).up()
    few = [(SYMBOLS[n : n + 5], 1) for n in range(8)]
    clients = everybody(one, one.key(), (SYMBOLS, 1), *few, (SYMBOLS[:20], 2))
    for _ in range(RESTARTS):
        before = one.process("proxy")
        told = one.run("restart", "proxy").stdout
        print(told)
        assert "it has joined the bus: 70 topics" in told
        assert f"connections moved: {len(clients)} of {len(clients)}" in told
        assert "longest gap" in told
        after = one.process("proxy")
        assert after["pid"] != before["pid"]
        assert after["endpoint"] == before["endpoint"]
        assert not psutil.pid_exists(before["pid"])
    received = [client.tally.received for client in clients]
    one.wait_for(
        lambda: all(c.tally.received > r + 100 for c, r in zip(clients, received, strict=True))
    )
    stats = one.process("proxy")["stats"]
    for client in clients:
        client.stop()
        assert not client.closed
        client.tally.assert_exactly_once(client.symbols)
    assert (stats["clients"], stats["lost_total"], stats["arrival_lost_total"]) == (10, 0, 0)
    assert not list((one.folder / "state").glob("*.next"))
