"""The instrument master: names, files, and what is wrong with them."""

import asyncio
import gzip
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.broker import MasterSource
from adapters.brokers.zerodha.master import read_master
from adapters.errors import FetchError, InstrumentsError
from adapters.instruments.book import InstrumentBook
from adapters.instruments.masters import load
from adapters.symbols import Instrument, index_symbol, strike_word
from adapters.threads import in_daemon_thread
from bus.market.expiry import expiry_word
from bus.topics import EXCHANGES, check_instrument

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange"
)
ROWS = """\
256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE
291849,1140,GIFT NIFTY,GIFT NIFTY,0.0,,0.0,0.0,0,EQ,INDICES,NSEIX
738561,2885,RELIANCE,RELIANCE INDUSTRIES,0.0,,0.0,0.05,1,EQ,NSE,NSE
3813889,14898,CENTRALBK-BE,"CENTRAL BANK, INDIA",0.0,,0.0,0.05,1,EQ,NSE,NSE
14866434,58072,NIFTY26AUGFUT,NIFTY,0.0,2026-08-25,0.0,0.1,65,FUT,NFO-FUT,NFO
39981570,156178,VMM26AUG112.5CE,VMM,0.0,2026-08-25,112.5,0.05,4850,CE,NFO-OPT,NFO
11928834,46597,NIFTY2690123500PE,NIFTY,0.0,2026-09-01,23500.0,0.05,65,PE,NFO-OPT,NFO
12073986,47164,BANKNIFTY18JAN23500CE,,0.0,2018-01-25,23500.0,0.05,40,CE,NFO-OPT,NFO
"""


@pytest.fixture
def master(tmp_path):
    path = tmp_path / "kite.csv"

    def write(content):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load([MasterSource(url=str(path))], read_master)

    return write


def test_openalgo_names(master):
    book = master(f"{HEADER}\r\n{ROWS}")
    assert {(i.exchange, i.symbol): i.token for i in book} == {
        ("NSE_INDEX", "NIFTY"): "256265",
        ("GLOBAL_INDEX", "GIFTNIFTY"): "291849",
        ("NSE", "RELIANCE"): "738561",
        ("NSE", "CENTRALBK-BE"): "3813889",
        ("NFO", "NIFTY25AUG26FUT"): "14866434",
        ("NFO", "VMM25AUG26112.5CE"): "39981570",
        ("NFO", "NIFTY01SEP2623500PE"): "11928834",
        ("NFO", "BANKNIFTY18JAN23500CE"): "12073986",
    }
    assert book.find("NSE", "RELIANCE") == "738561"
    assert book.find("NSE", "RELIANC") is None
    assert book.find("ZZZ", "ZZZ") is None


def test_packed_and_with_a_byte_order_mark(master):
    plain = master(f"{HEADER}\n{ROWS}")
    packed = master(gzip.compress(b"\xef\xbb\xbf" + f"{HEADER}\n{ROWS}".encode()))
    assert list(packed) == list(plain)


def test_unusable_names_are_skipped_and_the_first_of_two_counts(master):
    book = master(
        f"{HEADER}\n"
        "1,1,TWICE,,0,,0,0,0,EQ,NSE,NSE\n"
        "2,1,TWICE,,0,,0,0,0,EQ,NSE,NSE\n"
        "3,1,ODD,,0,,0,0,0,EQ,MOON,MOON\n"
        "\n"
        "4,1,A B,,0,,0,0,0,EQ,NSE,NSE\n"
    )
    assert list(book) == [Instrument("NSE", "TWICE", "1")]
    assert (book.skipped, book.duplicates) == (2, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: no column instrument_token"),
        (HEADER.replace("strike", "strik"), "line 1: no column strike"),
        (HEADER, "no instruments in it"),
        (f"{HEADER}\n1,2\n", "line 2: "),
        (f"{HEADER}\n{ROWS}abc,1,X,,0,,0,0,0,EQ,NSE,NSE\n", "line 10: instrument_token 'abc'"),
        (f"{HEADER}\n4294967296,1,X,,0,,0,0,0,EQ,NSE,NSE\n", "line 2: instrument_token"),
        (f"{HEADER}\n1,1,X,X,0,soon,0,0,0,FUT,NFO,NFO\n", "line 2: Invalid isoformat"),
        (f"{HEADER}\n1,1,X,X,0,2026-01-01,nan,0,0,CE,NFO,NFO\n", "line 2: strike 'nan'"),
        (f"{HEADER}\n".encode() + b"\xff", "line 0: 'utf-8' codec can't decode"),
        (b"\x1f\x8bnot gzip at all", "damaged gzip"),
        (gzip.compress(b"a" * 100, mtime=0)[:20], "damaged gzip"),
    ],
)
def test_a_bad_master_is_told_with_file_and_line(master, content, message):
    with pytest.raises(InstrumentsError, match=f"kite.csv: {message}"):
        master(content)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(InstrumentsError, match="No such file or directory; set `instruments`"):
        load([MasterSource(url=str(tmp_path / "none"))], read_master)


def test_from_a_server(kite):
    async def scenario():
        async with kite() as server:
            server.master = f"{HEADER}\n{ROWS}"
            source = MasterSource(url=f"{server.url.replace('ws', 'http', 1)}/instruments")
            book = await in_daemon_thread(lambda: load([source], read_master))
            assert len(book) == 8
            server.status = 503
            other = MasterSource(url=source.url.replace("instruments", "x?token=secret"))
            with pytest.raises(FetchError, match=r"/x: HTTP 503$"):
                await in_daemon_thread(lambda: load([other], read_master))
        with pytest.raises(FetchError, match=r"/instruments: ConnectionRefusedError$"):
            await in_daemon_thread(lambda: load([source], read_master))

    asyncio.run(scenario())


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(EXCHANGES), st.from_regex(r"[A-Z0-9&:_.-]{1,20}", fullmatch=True)
        ),
        st.from_regex(r"[a-z0-9|]{0,12}", fullmatch=True),
    )
)
def test_the_book_finds_exactly_what_it_was_given(wanted):
    wanted = {n: t for n, t in wanted.items() if not n[1].startswith("INDEX_")}
    book = InstrumentBook(Instrument(*name, token) for name, token in wanted.items())
    assert {(i.exchange, i.symbol): i.token for i in book} == wanted
    for (exchange, symbol), token in wanted.items():
        assert book.find(exchange, symbol) == token
        assert book.names(token) == sorted(n for n, t in wanted.items() if t == token)
        assert book.find(exchange, symbol + "Z") == wanted.get((exchange, symbol + "Z"))


def test_search_finds_the_share_before_its_options():
    names = ["VEDL25APR24292.5CE", "XVEDL", "VEDL", "VEDL25APR24FUT", "A_B", "AXB", "A%B"]
    book = InstrumentBook(
        [*(Instrument("NSE", name, name) for name in names), Instrument("BSE", "VEDL", "1")]
    )

    def found(*asked):
        return [(i.exchange, i.symbol) for i in book.search(*asked)]

    assert found("vedl", "", 3) == [("BSE", "VEDL"), ("NSE", "VEDL"), ("NSE", "VEDL25APR24FUT")]
    assert found("vedl", "NSE")[-1] == ("NSE", "XVEDL")
    assert found("a_b") == [("NSE", "A_B")]
    assert found("a%b") == [("NSE", "A%B")]
    assert found("nothing") == []


def test_words():
    assert expiry_word(date(2025, 3, 6)) == "06MAR25"
    assert [strike_word(s) for s in (23500.0, 292.5, 172500.25)] == ["23500", "292.5", "172500.25"]
    names = {"NIFTY BANK": "BANKNIFTY", "NIFTY MID SELECT": "MIDCPNIFTY", "India VIX": "INDIAVIX"}
    assert {name: index_symbol(name) for name in names} == names


@pytest.mark.realdata
def test_a_real_master(data_folder):
    path = data_folder / "instrument-masters" / "kite_nse_nfo_bfo_2026.csv.gz"
    book = load([MasterSource(url=str(path))], read_master)
    assert (len(book), book.skipped, book.duplicates) == (49887, 0, 0)
    names = {
        ("NSE", "RELIANCE"): "738561",
        ("NSE_INDEX", "NIFTY"): "256265",
        ("NSE_INDEX", "BANKNIFTY"): "260105",
        ("NFO", "NIFTY25AUG26FUT"): "14866434",
        ("NFO", "VMM25AUG26112.5CE"): "39981570",
    }
    assert {name: book.find(*name) for name in names} == names
    for instrument in book:
        check_instrument(instrument.exchange, instrument.symbol)
