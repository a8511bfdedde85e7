"""The unmodified `openalgo` package, both lines: which of its calls there are, and the past."""

import contextlib
import json
import re
import subprocess
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from system import MARKET

from bus.market.hours import IST

pytestmark = [pytest.mark.peer, pytest.mark.process, pytest.mark.timeout(280)]

ROOT = Path(__file__).resolve().parent.parent.parent
CALLER = Path(__file__).with_name("openalgo_caller.py")
PAGE = (ROOT / "docs" / "openalgo-calls.md").read_text()
CONFIG = MARKET + "\n[recorder]\nenabled = true\n\n[market]\nholidays = [2026-01-26]\n"
SHARE = {"symbol": "RELIANCE", "exchange": "NSE"}


@pytest.fixture(params=["openalgo", "openalgo2"])
def python(request, peer_python):
    try:
        return peer_python(request.param, (3, 11) if request.param == "openalgo" else (3, 12))
    except LookupError as error:
        return pytest.skip(f"NOT RUN: {request.param} {error}")


@contextlib.contextmanager
def caller(python, one):
    with subprocess.Popen(
        [python, CALLER, api(one)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write(one.key("ann") + "\n")

        def call(method, **arguments):
            process.stdin.write(json.dumps([method, arguments]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield call
        process.stdin.close()


def rows(heading):
    """The first cells of the table under a heading, as {first: second}."""
    section = PAGE.partition(f"## {heading}")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", section, re.MULTILINE))


def test_the_page_names_every_method_and_the_past_is_told(system, python):
    one = system(CONFIG).up()
    with caller(python, one) as call:
        there, missing = rows("There"), rows("Not there")
        at_proxy = PAGE.partition("## At the proxy")[2].partition("\n## ")[0]
        named = there.keys() | missing.keys() | set(re.findall(r"`(\w+)`", at_proxy))
        methods = set(call("methods"))
        assert methods - named == set()
        if "subscribe_orders" in methods:  # the 2.x line has all that 1.x has
            assert named - methods == set()
        with urllib.request.urlopen(f"{api(one)}/openapi.json", timeout=30) as reply:
            paths = set(json.loads(reply.read())["paths"])
        assert {f"/api/v1/{path}" for path in there.values()} <= paths
        unmatched = {path for path in paths if path.startswith("/api/v1/")} - {
            f"/api/v1/{path}" for path in there.values()
        }
        assert unmatched == {"/api/v1/ping"}

        told_of_the_past(one, call)
        every = call("instruments", exchange="NSE")
        assert "RELIANCE" in {row["symbol"] for row in every}
        assert "404" in call("instruments", exchange="NOWHERE")["message"]
        assert call("holidays", year=2026)["data"][0]["date"] == "2026-01-26"


def told_of_the_past(one, call):
    """Candles of the ticks that the recorder wrote since this test began."""
    today = datetime.now(IST).date()
    days = {
        "start_date": f"{today - timedelta(days=1)}",
        "end_date": f"{today + timedelta(days=1)}",
    }
    refused = call("history", **SHARE, interval="1m", **days)
    assert "[recorder]" in refused["message"]
    assert "5m" in call("intervals")["data"]["minutes"]
    one.wait_for(lambda: call("quotes", **SHARE)["status"] == "success", 60)
    told = []

    def is_recorded():
        told[:] = [call("history", **SHARE, interval="1s", **days)]
        return isinstance(told[0], list) and len(told[0]) > 2

    one.wait_for(is_recorded, 90)
    candle = told[0][0]
    assert candle["low"] <= candle["open"] <= candle["high"]
    now = datetime.now(IST)
    assert abs(datetime.fromisoformat(candle["timestamp"]) - now) < timedelta(minutes=5)
    whole = call("history", **SHARE, interval="D", **days)[0]
    assert whole["timestamp"].endswith("00:00:00")


def api(one):
    return one.process("marketdata")["endpoint"]
