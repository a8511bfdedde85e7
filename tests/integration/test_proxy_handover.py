"""`restart proxy` under load: no client is closed, and each sees every number exactly once.

`OPENALGO_STREAM_TEST_RESTARTS=10` is the full form; docs/reliability.md has its figures.
"""

import os
import socket

import psutil
import pytest
from tally import SYMBOLS, Counting

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not hasattr(socket, "SCM_RIGHTS"), reason="sockets cannot be passed here"),
]

RESTARTS = int(os.environ.get("OPENALGO_STREAM_TEST_RESTARTS", "3"))
MARKET = """
[simulators.sim]
broker = "zerodha"
market = "numbered"
rate = 2000

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = { api_key = "k", access_token = "t" }
"""


def test_restarts_of_the_proxy_close_nobody_and_lose_nothing(system):
    one = system(MARKET).up()
    key = one.key()
    clients = [
        (Counting(one, key, SYMBOLS, mode=1), SYMBOLS),
        *((Counting(one, key, SYMBOLS[n : n + 5], mode=1), SYMBOLS[n : n + 5]) for n in range(8)),
        # Ends last: a symbol whose highest mode changes gets its last tick again, from the broker.
        (Counting(one, key, SYMBOLS[:20], mode=2), SYMBOLS[:20]),
    ]
    one.wait_for(lambda: all(c.tally.received > 20 * len(wanted) for c, wanted in clients))
    for client, _ in clients:
        client.forget()
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
    received = [client.tally.received for client, _ in clients]
    one.wait_for(
        lambda: all(c.tally.received > r + 100 for (c, _), r in zip(clients, received, strict=True))
    )
    stats = one.process("proxy")["stats"]
    for client, symbols in clients:
        client.stop()
        assert not client.closed
        client.tally.assert_exactly_once(symbols)
    assert (stats["clients"], stats["lost_total"], stats["arrival_lost_total"]) == (10, 0, 0)
    assert not list((one.folder / "state").glob("*.next"))
