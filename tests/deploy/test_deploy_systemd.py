"""The units are what systemd takes, and the server's one keeps to what it says it needs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from programs_on_path import needs

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
pytestmark = needs("systemd-analyze")


@pytest.fixture
def unit(tmp_path):
    """The server's unit as `systemctl enable openalgo-stream@live` has it, with a program there."""
    program = shutil.which("true")
    text = (DEPLOY / "openalgo-stream@.service").read_text()
    made = tmp_path / "openalgo-stream@live.service"
    made.write_text(text.replace("/opt/openalgo-stream/bin/openalgo-stream", program))
    return made


@pytest.fixture
def analyze(tmp_path):
    return lambda *arguments: run({"XDG_RUNTIME_DIR": str(tmp_path)}, *arguments)


def run(environment, *arguments):
    done = subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout + done.stderr


def test_the_user_s_unit_is_right(analyze):
    unit = DEPLOY / "openalgo-stream.service"
    assert analyze("verify", "--man=no", "--user", unit) == (0, "")


def test_the_server_s_unit_is_right(analyze, unit):
    assert analyze("verify", "--man=no", unit) == (0, "")


def test_a_wrong_unit_would_be_seen(analyze, unit):
    unit.write_text(unit.read_text().replace("KillMode=process", "KillMode=perhaps"))
    assert "kill mode" in analyze("verify", "--man=no", unit)[1]


def test_the_server_s_unit_is_exposed_to_little(analyze, unit):
    """systemd's own measure, 0 to 10: below 3 it calls a unit OK, as it does ours."""
    status, told = analyze("security", "--offline=true", "--threshold=30", unit)
    assert status == 0, told
