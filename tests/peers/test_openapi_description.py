"""schemathesis, a foreign reader of /openapi.json, finds every call to be as it is described."""

import re
import subprocess

import pytest
from system import MARKET

pytestmark = [pytest.mark.peer, pytest.mark.process, pytest.mark.timeout(280)]

CONFIG = (
    MARKET
    + """
[limits]
messages_per_s = 100000
message_burst = 100000
failed_login_delay_s = 0.001
failed_login_delay_max_s = 0.002
"""
)
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)


def test_every_call_answers_as_described(system, peer_python, monkeypatch):
    # Most instruments that are made up do not exist: nobody waits for their first tick.
    monkeypatch.setenv("OPENALGO_STREAM_MARKETDATA_FIRST_TICK_TIMEOUT_S", "0.05")
    one = system(CONFIG).up()
    key = one.key()
    _, described = one.ask("/api/v1/ping", key)
    assert described["data"]["broker"] == "zerodha"
    runner = peer_python("schemathesis").with_name("schemathesis")
    command = [runner, "run", f"{one.api}/openapi.json", "--header", f"X-API-KEY: {key}"]
    command += ["--checks", ",".join(CHECKS)]
    command += ["--phases", "examples,fuzzing", "--max-examples", "6", "--seed", "1"]
    command += ["--no-shrink", "--no-color"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=250, check=False, cwd=one.folder
    )
    assert done.returncode == 0, done.stdout[-6000:]
    tested = int(re.search(r"(\d+) generated, \1 passed", done.stdout)[1])
    assert tested > 200, done.stdout[-3000:]
    assert one.process("marketdata")["restarts"] == 0
