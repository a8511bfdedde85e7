"""An exported recording in pandas, polars and DuckDB: the same values, in types that fit."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from recorded_frames import BEGAN_NS, tick

from recording.writer import SegmentWriter
from supervisor.cli import cli

pytestmark = [pytest.mark.peer, pytest.mark.timeout(400)]

CLIENT = Path(__file__).with_name("frames_client.py")
DEPTH = (
    b'{"symbol":"SBIN","exchange":"NSE","ltp":801.5,"ltt":1795000000000,"volume":10,'
    b'"timestamp":1795000000001,"open":800.0,"bids":[{"price":801.0,"quantity":5,"orders":2}],'
    b'"asks":[{"price":802.0,"quantity":7,"orders":1}]}'
)


@pytest.fixture(scope="module")
def opened(peer_python, tmp_path_factory):
    """What each of them found in a file of three ticks, one of them with a book."""
    folder = tmp_path_factory.mktemp("parquet")
    recording = folder / "20261121T034500Z-000001.rec"
    writer = SegmentWriter(recording, 1, BEGAN_NS)
    book = tick(1, "ZERODHA_NSE_SBIN_DEPTH")._replace(payload=DEPTH)
    writer.frames([tick(0), book, tick(2)])
    writer.seal()
    out = folder / "ticks.parquet"
    words = ["recordings", "export", str(recording), "--parquet", str(out), "--json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.exception
    read = subprocess.run(
        [peer_python("frames"), CLIENT, out],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert read.returncode == 0, read.stderr
    return json.loads(read.stdout)


@pytest.mark.parametrize("name", ["pandas", "polars", "duckdb"])
def test_each_reads_the_same_values(opened, name):
    found = opened[name]
    assert found["rows"] == 3
    assert found["ltp"] == [800.0, 801.5, 800.1]
    assert found["best_bid"] == [801.0]
    assert found["no_volume"] == 2
    if name == "duckdb":  # tells those with a zone in microseconds
        assert found["received_us"] == [BEGAN_NS // 1000 + n * 1000 for n in range(3)]
    else:
        assert found["received_ns"] == [BEGAN_NS + n * 1_000_000 for n in range(3)]


@pytest.mark.parametrize(
    ("name", "moment", "price", "quantity", "word"),
    [
        ("pandas", "datetime64[ns, UTC]", "float64", "float64", "category"),
        ("polars", "Datetime(time_unit='ns', time_zone='UTC')", "Float64", "Int64", "Categorical"),
        ("duckdb", "TIMESTAMPTZ_NS", "DOUBLE", "BIGINT", "VARCHAR"),
    ],
)
def test_types_need_no_conversion(opened, name, moment, price, quantity, word):
    types = opened[name]["types"]
    assert (types["received"], types["ltp"]) == (moment, price)
    assert types["volume"] == quantity  # pandas keeps whole numbers with gaps as floats
    assert types["symbol"].startswith(word)
    assert "orders" in types["bids"] or name == "pandas"  # a list of structs; pandas: objects
