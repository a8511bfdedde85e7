"""Names from instrument masters."""

from __future__ import annotations

import csv
import gzip
import itertools

import pytest

from simulators.brokers.zerodha.names import trading_symbol
from simulators.errors import DataError
from simulators.markets.masters import from_kite, from_upstox


def write(path, *rows: str, packed: bool = False):
    content = "".join(f"{row}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


@pytest.mark.parametrize("content", ["", "a,b\n", "instrument_token,name\n408065,INFY\n"])
def test_bad_kite_master_is_told(tmp_path, content):
    path = tmp_path / "kite.csv"
    path.write_text(content)
    with pytest.raises(DataError, match="Kite's"):
        from_kite(path, 408065)


def test_bad_upstox_master_is_told(tmp_path):
    path = write(tmp_path / "m.jsonl", "", '{"instrument_key": "NSE_FO|1"}')
    with pytest.raises(DataError, match="Upstox master") as failure:
        from_upstox(path, ["NSE_FO|1"])
    assert failure.value.line == 2
    with pytest.raises(DataError, match="cannot be read"):
        from_upstox(tmp_path / "none", ["NSE_FO|1"])


@pytest.mark.realdata
def test_real_kite_master_names_contracts(data_folder):
    path = data_folder / "instrument-masters" / "kite_nse_nfo_bfo_2026.csv.gz"
    weekly, monthly = from_kite(path, 11571202), from_kite(path, 15881730)
    assert (weekly.symbol, weekly.weekly) == ("NIFTY18AUG2626000CE", True)
    assert (monthly.symbol, monthly.weekly) == ("NIFTY25AUG2626000CE", False)
    assert from_kite(path, 256265).symbol == "NIFTY"
    assert from_kite(path, 1) is None


@pytest.mark.realdata
def test_real_kite_spelling_is_reproduced(data_folder):
    """The CSV that we serve spells contracts as Kite's own master does."""
    path = data_folder / "instrument-masters" / "kite_nse_nfo_bfo_2026.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = itertools.islice(csv.DictReader(file), 9946, None, 2500)
        wanted = {int(row["instrument_token"]): row["tradingsymbol"] for row in rows}
    assert len(wanted) > 10
    for token, symbol in wanted.items():
        assert trading_symbol(from_kite(path, token)) == symbol
