"""The master on disk: replaced whole or not at all, and never by half of one."""

import os
import sqlite3

import pytest

from adapters.broker import MasterSource, OpenAlgoRow
from adapters.brokers.zerodha.broker import BROKER
from adapters.errors import InstrumentsError
from adapters.instruments.file import MasterFile
from adapters.instruments.openalgo import OpenAlgoMaster
from adapters.instruments.origin import Masters, origin_of
from adapters.symbols import Instrument
from bus.settings import AdapterSettings

NOW = 1_763_437_500.0


class FakeOrigin:
    stamp = ""
    may_recover = True
    shrinks = False

    def __init__(self, count, text="here", error=None):
        self.text = text
        self.count = count
        self.error = error

    def rows(self, progress):
        progress("fetching", 1)
        for number in range(self.count):
            yield Instrument("NSE", f"S{number}", str(number))
        if self.error:
            raise self.error


@pytest.fixture
def file(tmp_path):
    return MasterFile(tmp_path / "instruments", "zerodha")


def replace(file, origin, old=None):
    return file.adopt(*file.make(origin, NOW), old)


def test_made_adopted_and_found_again(file):
    assert file.open("here") is None
    assert file.stamp == ""
    told = []
    made = file.make(FakeOrigin(12_000), NOW, lambda *said: told.append(said))
    assert file.open("here") is None
    book = file.adopt(*made, None)
    assert told == [
        ("fetching", 1),
        *(("reading instruments", done) for done in (5000, 10_000, 12_000)),
    ]
    again = file.open("here")
    for found in (book, again):
        assert len(found) == 12_000
        assert found.find("NSE", "S7") == "7"
        assert found.names("7") == [("NSE", "S7")]
        assert found.about()["made_at"] == str(int(NOW))
    assert file.open("elsewhere") is None
    assert [p.name for p in file.path.parent.iterdir()] == ["zerodha.db"]


def test_the_old_one_can_be_read_while_a_new_one_is_made_and_after(file):
    first = replace(file, FakeOrigin(10))
    reader = file.open()
    stamp = file.stamp
    made, place = file.make(FakeOrigin(20), NOW)
    assert len(first) == len(reader) == 10
    assert first.find("NSE", "S9") == "9"
    second = file.adopt(made, place, first)
    assert second.find("NSE", "S19") == "19"
    assert reader.find("NSE", "S9") == "9"
    assert reader.find("NSE", "S19") is None
    assert file.stamp != stamp


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        (FakeOrigin(0), "no instruments in it"),
        (FakeOrigin(4), "4 instruments where there were 10; the old ones are kept"),
        (FakeOrigin(9, error=InstrumentsError("line 10: torn")), "line 10: torn"),
    ],
)
def test_nothing_or_half_leaves_the_old_one(file, origin, message):
    replace(file, FakeOrigin(10))
    with pytest.raises(InstrumentsError, match=message):
        file.make(origin, NOW)
    assert len(file.open("here")) == 10
    assert [p.name for p in file.path.parent.iterdir()] == ["zerodha.db"]


def test_another_origin_and_a_users_own_file_may_be_smaller(file):
    replace(file, FakeOrigin(10))
    assert len(replace(file, FakeOrigin(2, text="there"))) == 2
    own = FakeOrigin(1, text="there")
    own.shrinks = True
    assert len(replace(file, own)) == 1


@pytest.mark.parametrize(
    "content", [b"", b"no database at all", b"SQLite format 3\x00" + bytes(99)]
)
def test_a_damaged_file_is_made_anew(file, content, caplog):
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    assert file.open("here") is None
    assert "it is made anew" in caplog.text
    assert len(replace(file, FakeOrigin(3))) == 3


def test_what_a_dead_process_left_is_removed(file):
    file.path.parent.mkdir()
    left = file.path.parent / "zerodha.1.new"
    left.write_bytes(b"x")
    os.utime(left, (NOW - 7200, NOW - 7200))
    replace(file, FakeOrigin(3))
    assert not left.exists()


def test_without_a_folder_it_is_kept_in_memory():
    file = MasterFile(None, "zerodha")
    assert replace(file, FakeOrigin(3)).find("NSE", "S2") == "2"
    assert (file.open("here"), file.stamp) == (None, "")


# --- OpenAlgo's table -------------------------------------------------------------------------


@pytest.fixture
def openalgo(tmp_path):
    """A database as OpenAlgo writes it: 20 rows of zerodha's."""
    path = tmp_path / "openalgo.db"
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE symtoken (id INTEGER PRIMARY KEY, symbol, brsymbol, name, exchange,"
        " brexchange, token, expiry, strike, lotsize, instrumenttype, tick_size);"
        "CREATE TABLE master_contract_status (broker PRIMARY KEY, status, message, last_updated,"
        " total_symbols, is_ready);"
        "INSERT INTO master_contract_status VALUES ('zerodha', 'success', '', 1, '20', 1);"
    )
    database.executemany(
        "INSERT INTO symtoken (symbol, exchange, token) VALUES (?, 'NSE', ?)",
        [(f"S{n}", f"{n * 256 + 1}::::{n}") for n in range(20)],
    )
    database.commit()
    yield path, database
    database.close()


def test_openalgos_table(openalgo, file):
    path, _ = openalgo
    book = replace(file, OpenAlgoMaster(path, BROKER))
    assert len(book) == 20
    assert book.find("NSE", "S3") == "769"
    assert book.names("769") == [("NSE", "S3")]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM symtoken", "0 of 20 symbols are there"),
        ("DELETE FROM symtoken WHERE id > 10", "10 of 20 symbols are there"),
        ("UPDATE master_contract_status SET is_ready = 0", "not done with the symbols: success"),
        ("UPDATE master_contract_status SET status = 'downloading'", "symbols: downloading"),
        ("UPDATE master_contract_status SET broker = 'angel'", "symbols of angel, not of zerodha"),
        ("DELETE FROM master_contract_status", "symbols of no broker"),
        ("DROP TABLE symtoken", "no such table: symtoken; is it OpenAlgo's database"),
        ("UPDATE master_contract_status SET total_symbols = NULL; DELETE FROM symtoken", "0 of 1"),
    ],
)
def test_openalgos_table_is_not_taken_when_it_is_not_whole(openalgo, file, sql, message):
    path, database = openalgo
    replace(file, OpenAlgoMaster(path, BROKER))
    database.executescript(sql)
    with pytest.raises(InstrumentsError, match=message):
        file.make(OpenAlgoMaster(path, BROKER), NOW)
    assert len(file.open(f"openalgo:{path}")) == 20


def test_a_database_that_is_not_there(tmp_path, file):
    with pytest.raises(InstrumentsError, match="unable to open database file"):
        file.make(OpenAlgoMaster(tmp_path / "none.db", BROKER), NOW)


def test_tokens_that_the_broker_cannot_have_are_left_out():
    row = OpenAlgoRow("A", "", "NSE", "NSE", "")
    tokens = {"738561::::2885": "738561", "3045": "3045", "x::::1": "", "4294967296": "", "": ""}
    for theirs, ours in tokens.items():
        assert BROKER.openalgo_token(row._replace(token=theirs)) == ours


# --- where it comes from ----------------------------------------------------------------------


def test_origins(account, tmp_path):
    path = tmp_path / "kite.csv"
    path.write_text("x")

    def origin(location):
        return origin_of(AdapterSettings(instruments=location), BROKER, account())

    own = origin("")
    assert (own.text, own.may_recover, own.shrinks) == (
        ("https://api.kite.trade/instruments", True, False)
    )
    local = origin(str(path))
    assert (local.text, local.may_recover, local.shrinks) == (str(path), False, True)
    before = local.stamp
    path.write_text("xy")
    assert before not in {local.stamp, ""}
    simulator = origin("http://127.0.0.1:9001/instruments?key=secret")
    assert (simulator.text, simulator.shrinks) == ("http://127.0.0.1:9001/instruments", True)
    assert origin("openalgo:/db").text == "openalgo:/db"
    assert Masters([MasterSource(url="/none")], BROKER.master_reader).stamp == ""
