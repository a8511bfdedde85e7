"""Unmodified clients while the proxy is replaced under them: `openalgo`'s package, Node's `ws`."""

import json
import shutil
import subprocess
from pathlib import Path

import node_env
import pytest
from tally import SYMBOLS, Tally, market

from bus.moving.passing import can_pass_sockets

pytestmark = [
    pytest.mark.peer,
    pytest.mark.process,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not can_pass_sockets(), reason="sockets cannot be passed here"),
]

CLIENT = Path(__file__).with_name("openalgo_client.py")
FEW = SYMBOLS[:5]
#: Some fifteen seconds of five symbols.
COUNT = 3000


def lines_of(one, command):
    """What a client writes, under which the proxy is replaced."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write(one.key() + "\n")
        process.stdin.close()
        while (said := process.stdout.readline()) not in {"", "ready\n"}:
            pass
        assert said == "ready\n", process.stderr.read()
        assert "connections moved: 1 of 1" in one.run("restart", "proxy").stdout
        assert process.poll() is None, "it ended before the proxy was replaced"
        try:
            lines = process.stdout.readlines()
            assert process.wait(30) == 0, process.stderr.read()
        finally:
            process.kill()
    return lines


def assert_exactly_once(ticks):
    """But for the beginning: whoever subscribes gets the last value, and the broker's greeting."""
    tally = Tally()
    for symbol, number in ticks[100:COUNT]:
        tally.note(symbol, round(number), 0.0)
    assert tally.received == COUNT - 100
    tally.assert_exactly_once(FEW)


def test_the_openalgo_package_notices_nothing(system, peer_python):
    one = system(market()).up()
    wanted = json.dumps({"ltp": [["NSE", symbol] for symbol in FEW]})
    lines = lines_of(one, [peer_python("openalgo"), CLIENT, one.url(), wanted, str(COUNT)])
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    assert_exactly_once([(m["symbol"], m["data"]["ltp"]) for m in messages])


def test_a_node_client_notices_nothing(system):
    if shutil.which("npm") is None:
        pytest.skip("NOT RUN: there is no npm here; install Node 18 or newer")
    one = system(market()).up()
    script = node_env.packages("ws") / "counting.mjs"
    seen = json.loads(lines_of(one, ["node", script, one.url(), str(COUNT), *FEW])[-1])
    assert (seen["opened"], seen["code"]) == (1, 1000)
    assert_exactly_once(seen["ticks"])
