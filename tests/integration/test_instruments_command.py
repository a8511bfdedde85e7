"""`instruments` and `brokers` as a user types them, with no supervisor anywhere."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

HEADER = "instrument_token,tradingsymbol,name,expiry,strike,instrument_type,segment,exchange"
ROWS = ["738561,RELIANCE,,,0,EQ,NSE,NSE", "256265,NIFTY 50,,,0,EQ,INDICES,NSE"]
CONFIG = """
[adapters.zerodha]
instruments = "kite.csv"
[adapters.second]
broker = "zerodha"
instruments = "kite.csv"
"""


@pytest.fixture
def instance(tmp_path):
    (tmp_path / "openalgo-stream.toml").write_text(CONFIG)
    (tmp_path / "kite.csv").write_text("\n".join([HEADER, *ROWS]))

    def run(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "supervisor", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=30,
        )
        assert done.returncode == code, done.stderr
        return done

    return run


def test_sync_search_and_show(instance):
    assert "sync" in instance("instruments", "search", "x", code=1).stderr
    told = instance("instruments", "sync").stdout.splitlines()
    assert [line.partition(" in ")[0] for line in told] == [
        "zerodha: 2 instruments", "second: 2 instruments",
    ]  # fmt: skip
    [found] = json.loads(instance("instruments", "search", "reli", "-a", "second", "--json").stdout)
    assert found == {
        "adapter": "second", "exchange": "NSE", "symbol": "RELIANCE", "token": "738561",
    }  # fmt: skip
    shown = json.loads(instance("instruments", "show", "nse_index:nifty", "--json").stdout)
    assert [(row["adapter"], row["token"], row["same_as"]) for row in shown] == [
        ("second", "256265", []), ("zerodha", "256265", []),
    ]  # fmt: skip
    assert (
        "no adapter has NONE on NSE" in instance("instruments", "show", "NSE:NONE", code=1).stderr
    )
    assert "EXCHANGE:SYMBOL" in instance("instruments", "show", "NIFTY", code=2).stderr


def test_a_master_that_cannot_be_had_leaves_the_old_one(instance, tmp_path):
    instance("instruments", "sync", "--adapter", "zerodha")
    (tmp_path / "kite.csv").write_text("torn")
    done = instance("instruments", "sync", "--adapter", "zerodha", "--json", code=1)
    [result] = json.loads(done.stdout)
    assert "kite.csv: line 1: no column" in result["error"]
    assert json.loads(instance("instruments", "show", "NSE:RELIANCE", "--json").stdout)
    assert "no adapter is named 'x'" in instance("instruments", "sync", "-a", "x", code=1).stderr


def test_every_broker_states_what_it_can(instance):
    told = {broker["name"]: broker for broker in json.loads(instance("brokers", "--json").stdout)}
    assert {"angel", "dhan", "dhan_sandbox", "fyers", "nubra", "upstox", "zerodha"} <= set(told)
    zerodha = told["zerodha"]
    assert zerodha["credentials"] == ["api_key", "access_token"]
    assert zerodha["streams"][0]["symbols_per_connection"] == 3000
    assert told["dhan"]["depth_levels"] == [5, 20, 200]
    assert all(broker["modes"] and broker["exchanges"] for broker in told.values())
    table = instance("brokers").stdout
    assert all(name in table for name in told)
