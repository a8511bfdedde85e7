"""A broker's new token: taken by an adapter that waits for it, and by one that runs."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

CONFIG = """
[simulators.sim]
broker = "zerodha"
api_key = "k"
access_token = "{accepted}"

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "k", access_token = "{configured}" }}
"""


def set_token(one, value):
    return subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "supervisor",
            "token",
            "set",
            "zerodha",
            "--config",
            str(one.config),
        ],
        input=value + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=one.folder,
    )


def test_an_adapter_that_needs_a_token_goes_on_when_it_comes(system):
    one = system(CONFIG.format(accepted="todays", configured="yesterdays"))
    one.up()
    stats = one.process("zerodha")["stats"]
    assert stats["broker_state"] == "needs_token"
    assert "goes on with the new access_token" in set_token(one, "todays").stdout
    one.wait_for(one.settled)
    assert one.process("zerodha")["generation"] == 1
    assert "todays" not in one.logs()


def test_an_adapter_that_runs_is_handed_over(system):
    one = system(CONFIG.format(accepted="todays", configured="todays")).up()
    done = set_token(one, "tomorrows")  # which the broker does not take yet
    assert done.returncode == 1
    assert "the old generation goes on" in done.stdout
    assert one.process("zerodha")["state"] == "running"
    assert set_token(one, "todays").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "--from-env", "PATH"], "no adapter is named 'nobody'; there are: zerodha"),
        (
            ["zerodha", "--field", "pin", "--from-env", "PATH"],
            "has no credential 'pin'; it has: access_token, api_key",
        ),
        (["zerodha", "--from-env", "NOT_SET"], "the environment variable NOT_SET is empty"),
    ],
)
def test_what_cannot_be_a_token_is_refused(system, arguments, said):
    one = system(CONFIG.format(accepted="todays", configured="todays")).up()
    done = one.run("token", "set", *arguments, check=False)
    assert done.returncode == 1
    assert said in done.stderr
