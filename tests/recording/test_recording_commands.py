"""The commands about recordings, without a running system."""

import gzip
import json
import sys

import pytest
from click.testing import CliRunner
from recorded_frames import BEGAN_NS, event, tick

from recording import parquet
from recording.errors import RecordingError
from recording.moments import in_india, moment_of, seconds_of, unix_ns
from supervisor.cli import cli

FULL = (
    b'{"symbol":"SBIN","exchange":"NSE","ltp":801.5,"ltt":1795000000000,"volume":10,'
    b'"timestamp":1795000000001,"open":800.0,"bids":[{"price":801.0,"quantity":5,"orders":2}],'
    b'"asks":[]}'
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        assert done.exit_code == code, (done.output, done.exception)
        return done

    return run


def test_list_and_verify_tell_what_is_there(make_segment, run):
    path = make_segment([tick(n) for n in range(20)] + [event(b"{}")])
    (row,) = json.loads(run("recordings", "list", path, "--json").stdout)
    assert (row["ticks"], row["topics"], row["complete"], row["gaps"]) == (20, 1, True, [])
    assert row["first_ns"] == BEGAN_NS
    assert path.name in run("recordings", "list", path.parent).stdout
    told = json.loads(run("recordings", "verify", path, "--json").stdout)
    assert told["adapters"]["ZERODHA"]["ticks"] == 20
    assert told["files"][0]["damages"] == []
    assert (
        f"digest {told['adapters']['ZERODHA']['digest']}"
        in run("recordings", "verify", path).stdout
    )


def test_verify_fails_on_damage_and_says_where(make_segment, run):
    path = make_segment([tick(n) for n in range(20)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)
    done = run("recordings", "verify", path, code=1)
    assert "are no record; 1 records lost" in done.stderr
    assert "damaged" in done.stdout
    (row,) = json.loads(run("recordings", "verify", path, "--json", code=1).stdout)["files"]
    assert (row["lost"], row["ticks"]) == (1, 19)


def test_parquet_has_a_row_per_tick_with_sensible_types(make_segment, run, tmp_path):
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    full = tick(1, "ZERODHA_NSE_SBIN_DEPTH")._replace(payload=FULL)
    path = make_segment([tick(0), event(b"{}"), full, tick(2, "ZERODHA_BSE_TCS_LTP")])
    out = tmp_path / "ticks.parquet"
    assert json.loads(run("recordings", "export", path, "--parquet", out, "--json").stdout) == {
        "file": str(out),
        "ticks": 3,
        "damages": 0,
    }
    table = pq.read_table(out)
    assert table.schema.equals(parquet.schema())
    assert pa.types.is_timestamp(table.schema.field("received").type)
    first, second, third = table.to_pylist()
    assert (first["symbol"], first["mode"], first["ltp"], first["bids"]) == (
        *("SBIN", "LTP", 800.0),
        None,
    )
    assert second["bids"] == [{"price": 801.0, "quantity": 5, "orders": 2}]
    assert second["timestamp"].timestamp() == 1795000000.001
    assert (second["volume"], second["asks"], second["own_clock"]) == (10, [], True)
    assert table["received"].cast(pa.int64()).to_pylist()[0] == BEGAN_NS
    assert (third["exchange"], third["adapter"], third["sequence"]) == ("BSE", "zerodha", 3)
    run("recordings", "export", path, "--parquet", out, "-s", "BSE:TCS")
    assert pq.read_table(out).num_rows == 1
    done = run("recordings", "export", path, "--parquet", out, "-s", "NSE:X", code=1)
    assert "the recording has none of NSE:X" in str(done.exception)
    assert not list(tmp_path.glob("*.new"))


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RecordingError, match=r"pip install 'openalgo-stream\[parquet\]'"):
        parquet.schema()


def test_market_data_of_others_becomes_a_recording(run, tmp_path):
    rows = ["2022-10-03 09:00:01,17094.35", "2022-10-03 09:00:02,17095.0"]
    with gzip.open(tmp_path / "nifty.csv.gz", "wt") as file:
        file.write("\n".join(rows) + "\n")
    told = json.loads(run("recordings", "import", "nifty.csv.gz", "--json").stdout)
    assert told["ticks"] == 2
    assert (
        told["digest"]
        == json.loads(
            run("recordings", "import", "nifty.csv.gz", "-o", "again.rec", "--json").stdout
        )["digest"]
    )
    (row,) = json.loads(run("recordings", "list", "nifty.rec", "--json").stdout)
    assert in_india(row["first_ns"]).isoformat() == "2022-10-03T09:00:01+05:30"
    assert "cannot be made" in str(run("recordings", "import", "nifty.csv.gz", code=1).exception)
    (tmp_path / "bad.csv").write_text(rows[0] + "\nnonsense\n")
    run("recordings", "import", "bad.csv", code=1)
    assert not (tmp_path / "bad.rec").exists()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("0.5s", 0.5)]
)
def test_durations(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "10 minutes", "5d", "-5"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="is no duration like 90s"):
        seconds_of(text)


def test_moments():
    noon = unix_ns(in_india(BEGAN_NS).replace(hour=12, minute=0, second=0, microsecond=0))
    assert moment_of("12:00", BEGAN_NS) == noon
    assert moment_of("+5m", noon) == noon + 300 * 10**9
    assert moment_of("-30s", noon) == noon - 30 * 10**9
    assert moment_of("1970-01-01T05:30:01", 0) == 10**9
    assert moment_of("1970-01-01T00:00:01+00:00", 0) == 10**9
    with pytest.raises(ValueError, match="is no moment: write 10:30:00"):
        moment_of("noon", 0)
