"""Restarts in a row under load, on a market that numbers its ticks.

Every client sees every number exactly once, in order. `OPENALGO_STREAM_TEST_RESTARTS=20` is the
full form, with `..._RATE` and `..._SYMBOLS` for another load; docs/reliability.md has its figures.
"""

import os
import time

import pytest
from tally import counting, everybody, market

RESTARTS = int(os.environ.get("OPENALGO_STREAM_TEST_RESTARTS", "3"))
RATE = int(os.environ.get("OPENALGO_STREAM_TEST_RATE", "2000"))
SYMBOLS = counting(int(os.environ.get("OPENALGO_STREAM_TEST_SYMBOLS", "50")))

pytestmark = [pytest.mark.process, pytest.mark.timeout(280 + 10 * RESTARTS)]


def test_every_number_comes_exactly_once_and_in_order(system):
    one = system(market(RATE, len(SYMBOLS))).up()
    clients = everybody(one, one.key(), (SYMBOLS, 1), (SYMBOLS[:20], 2), (SYMBOLS[:5], 3))
    began = time.monotonic()
    for _ in range(RESTARTS):
        print(one.run("restart", "zerodha").stdout.splitlines()[-1])
    proxy = one.process("proxy")["stats"]
    for client in clients:
        client.stop()
    print(f"{RATE} ticks/s, {RESTARTS} restarts in {time.monotonic() - began:.0f} s")
    for client in clients:
        tally = client.tally
        print(
            f"{len(client.symbols)} symbols: {tally.received} numbers, missed {len(tally.missed)}, "
            f"twice {len(tally.twice)}, back {len(tally.back)}, "
            f"longest gap of a symbol {max(tally.longest.values()) * 1000:.0f} ms"
        )
        assert not client.closed
        tally.assert_exactly_once(client.symbols)
    assert proxy["lost_total"] == 0
    assert one.process("zerodha")["generation"] == RESTARTS + 1
