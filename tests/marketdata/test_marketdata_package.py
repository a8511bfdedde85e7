"""Over real HTTP: the unmodified `openalgo` package and the typed client read chains and greeks."""

import asyncio
import contextlib
import json
import subprocess
from datetime import date
from pathlib import Path

import pytest

from marketdata.api.server import Server, address, listen
from marketdata.client import MarketDataClient, RefusedError

pytestmark = [pytest.mark.process, pytest.mark.timeout(280)]

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


@contextlib.asynccontextmanager
async def served(app):
    """Where an application is reached."""
    server, listener = Server(app), listen("127.0.0.1", 0)
    server.start()
    await server.accept(listener)
    yield address(listener)
    await server.stop()


@pytest.mark.peer
def test_the_package_reads_chains_and_greeks(asked, peer_python):
    python = peer_python("openalgo")

    async def work(ask):
        lines = "".join(f"{json.dumps(call)}\n" for call in CALLS)
        async with served(ask.app) as url:
            done = await asyncio.to_thread(
                subprocess.run,
                [python, CALLER, url],
                input=f"ann\n{lines}",
                capture_output=True,
                text=True,
                check=True,
                timeout=120,
            )
        chain, future, greeks, instruments, refused = map(json.loads, done.stdout.splitlines())
        assert [row["ce"]["label"] for row in chain["chain"]] == ["ITM1", "ATM", "OTM1"]
        assert future["synthetic_future_price"] == 25_000
        assert greeks["implied_volatility"] > 0
        assert set(greeks["greeks"]) == {"delta", "gamma", "theta", "vega", "rho"}
        assert len(instruments) == 11
        assert "no such options" in refused["message"]

    asked(work)


def test_the_typed_client_reads_them_too(asked):
    async def work(ask):
        async with served(ask.app) as url:
            client = MarketDataClient("ann", url)
            chain = await asyncio.to_thread(
                client.option_chain, "NIFTY", "NSE_INDEX", "27JAN26", strikes=1
            )
            assert [row.strike for row in chain.chain] == [24_950, 25_000, 25_050]
            symbol = chain.chain[1].ce.symbol
            greeks = await asyncio.to_thread(client.greeks, symbol, "NFO", rate=6.5, forward=25_010)
            assert (greeks.spot_price, greeks.strike) == (25_010, 25_000)
            day = date(2026, 1, 5)
            with pytest.raises(RefusedError, match="No tick of NSE:SBIN") as refused:
                await asyncio.to_thread(client.history, "SBIN", "NSE", "5m", day, day)
            assert refused.value.status == 404

    asked(work)
