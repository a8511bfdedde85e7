"""The unmodified `openalgo` package reads chains, greeks and synthetic futures."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from marketdata.api.server import Server, address, listen

pytestmark = [pytest.mark.peer, pytest.mark.process, pytest.mark.timeout(280)]

CALLER = Path(__file__).resolve().parent.parent / "peers" / "openalgo_caller.py"
NIFTY = {"underlying": "NIFTY", "exchange": "NSE_INDEX", "expiry_date": "27JAN26"}
CALLS = [
    ("optionchain", NIFTY | {"strike_count": 1}),
    ("syntheticfuture", NIFTY),
    (
        "optiongreeks",
        {
            "symbol": "NIFTY27JAN2625000CE",
            "exchange": "NFO",
            "underlying_symbol": "NIFTY",
            "underlying_exchange": "NSE_INDEX",
            "interest_rate": 6.5,
            "expiry_time": "15:30",
        },
    ),
    ("instruments", {"exchange": "NFO"}),
    ("optionchain", NIFTY | {"expiry_date": "28JAN26"}),
]


def test_the_package_reads_chains_and_greeks(asked, peer_python):
    python = peer_python("openalgo")

    async def work(ask):
        server, listener = Server(ask.app), listen("127.0.0.1", 0)
        server.start()
        await server.accept(listener)
        lines = "".join(f"{json.dumps(call)}\n" for call in CALLS)
        done = await asyncio.to_thread(
            subprocess.run,
            [python, CALLER, address(listener)],
            input=f"ann\n{lines}",
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        await server.stop()
        chain, future, greeks, instruments, refused = map(json.loads, done.stdout.splitlines())
        assert [row["ce"]["label"] for row in chain["chain"]] == ["ITM1", "ATM", "OTM1"]
        assert future["synthetic_future_price"] == 25_000
        assert greeks["implied_volatility"] > 0
        assert set(greeks["greeks"]) == {"delta", "gamma", "theta", "vega", "rho"}
        assert len(instruments) == 11
        assert "no such options" in refused["message"]

    asked(work)
