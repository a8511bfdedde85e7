"""Restarts in a row under load, on a market that numbers its ticks.

Every client sees every number exactly once, in order. `OPENALGO_STREAM_TEST_RESTARTS=20` is the
full form; docs/reliability.md has its figures.
"""

import os

import pytest
from tally import SYMBOLS, Counting

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

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


def test_every_number_comes_exactly_once_and_in_order(system):
    one = system(MARKET).up()
    key = one.key()
    clients = [
        (Counting(one, key, SYMBOLS, mode=1), SYMBOLS),
        (Counting(one, key, SYMBOLS[:20], mode=2), SYMBOLS[:20]),
        (Counting(one, key, SYMBOLS[:5], mode=3), SYMBOLS[:5]),
    ]
    one.wait_for(lambda: all(c.tally.received > 20 * len(wanted) for c, wanted in clients))
    for client, _ in clients:
        client.forget()
    for _ in range(RESTARTS):
        print(one.run("restart", "zerodha").stdout.splitlines()[-1])
    proxy = one.process("proxy")["stats"]
    for client, symbols in clients:
        client.stop()
        tally = client.tally
        print(
            f"{len(symbols)} symbols: {tally.received} numbers, missed {len(tally.missed)}, "
            f"twice {len(tally.twice)}, back {len(tally.back)}, "
            f"longest gap of a symbol {max(tally.longest.values()) * 1000:.0f} ms"
        )
        assert not client.closed
        tally.assert_exactly_once(symbols)
    assert proxy["lost_total"] == 0
    assert one.process("zerodha")["generation"] == RESTARTS + 1
