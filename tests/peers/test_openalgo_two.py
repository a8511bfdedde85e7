"""The 2.x line of the unmodified `openalgo` package: bulk subscribes, per-entry unsubscribes.

(The 1.x line, one message per symbol, reads a whole recorded day in test_openalgo_package.)
"""

import json
import subprocess
from pathlib import Path

import pytest
from system import MARKET

pytestmark = [pytest.mark.peer, pytest.mark.process, pytest.mark.timeout(240)]

CLIENT = Path(__file__).with_name("openalgo_two_client.py")


def test_openalgo_two_subscribes_in_bulk_and_each_callback_is_fed(system, peer_python):
    try:
        python = peer_python("openalgo2", (3, 12))
    except LookupError as error:
        pytest.skip(f"NOT RUN: openalgo 2 {error}")
    one = system(MARKET).up()
    done = subprocess.run(
        [python, CLIENT, one.url()],
        input=one.key() + "\n",
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert {mode: first["mode"] for mode, first in report["first"].items()} in (
        {"ltp": 1, "quote": 2, "depth": 3},
        {"ltp": "LTP", "quote": "QUOTE", "depth": "DEPTH"},
    )
    assert report["first"]["depth"]["data"]["depth"]["buy"]
    assert report["after"]["ltp"] == 0
    assert report["after"]["quote"] > 0
    assert report["after"]["depth"] > 0
