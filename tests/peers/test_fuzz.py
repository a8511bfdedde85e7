"""The fuzz target itself works: a million runs are done by hand (docs/reliability.md)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "fuzz" / "decode.py"

pytestmark = [
    pytest.mark.peer,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="atheris has wheels for Linux only"),
]


@pytest.mark.parametrize("broker", ["zerodha", "upstox"])
def test_a_few_thousand_inputs_keep_the_contract(broker):
    command = [sys.executable, SCRIPT, broker, "--runs", "3000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["runs"], figures["crashes"]) == (3000, 0)
    assert figures["edges"] > 50
