"""docs/adding-a-broker.md is run, so that it stays true."""

import io
import json
import re
import types
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters import registry
from adapters.codec import Account, Decoded
from adapters.decode import decode_file
from adapters.errors import CodecError, InstrumentsError
from bus.secret import Secret
from bus.topics import Mode

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "adding-a-broker.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def load():
    [source] = blocks("python")
    module = types.ModuleType("acme")
    exec(compile(source, GUIDE.name, "exec", dont_inherit=True), vars(module))  # noqa: S102
    return module


ACME = load()
ACCOUNT = Account(credentials={"token": Secret("t0ken")})


def test_the_example_decodes_as_the_page_says(tmp_path, monkeypatch):
    cases, expected = blocks("json")
    path = tmp_path / "acme.json"
    path.write_text(cases)
    monkeypatch.setattr(registry, "find", lambda _: ACME.BROKER)
    assert list(decode_file("acme", path)) == [json.loads(expected)]


@given(st.text() | st.binary())
@example('{"type":"trade","id":"1","price":1' + "0" * 400 + "}")
def test_the_example_keeps_the_contract(frame):
    decoded = ACME.Acme(ACCOUNT, "feed").decode(frame)
    assert decoded.error is None or isinstance(decoded.error, CodecError)


def test_the_example_asks_and_answers():
    codec = ACME.Acme(ACCOUNT, "feed")
    assert codec.login() == ['{"login":"t0ken"}']
    assert [json.loads(frame) for frame in codec.change(["1"], Mode.LTP, Mode.DEPTH)] == [
        {"remove": ["1"], "channel": "trade"},
        {"add": ["1"], "channel": "book"},
    ]
    assert codec.decode('{"type":"welcome"}').events == [ACME.LoggedIn()]
    assert codec.decode('{"type":"other"}') == Decoded()
    error = codec.decode('{"type":"error","code":"E401","text":"expired"}').error
    assert error.verdict is ACME.Verdict.NEEDS_TOKEN


def test_the_example_reads_its_master():
    [instrument] = ACME.read_master(io.StringIO("exchange,symbol,id\nNSE,SBIN,77\n"))
    assert instrument == ("NSE", "SBIN", "77")
    with pytest.raises(InstrumentsError, match="line 2: no column 'symbol'"):
        list(ACME.read_master(io.StringIO("exchange,id\nNSE,77\n")))
