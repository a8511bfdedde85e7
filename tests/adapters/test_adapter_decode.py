"""Recorded frames to ticks."""

import json

import pytest

from adapters.decode import decode_file
from adapters.errors import FrameFileError, UnknownBrokerError

CONTEXT = {
    "instruments": {"257": {"symbol": "A", "exchange": "NSE"}},
    "subscriptions": {"257": "LTP"},
}


@pytest.fixture
def decode(tmp_path):
    path = tmp_path / "frames.json"

    def run(content, broker="zerodha"):
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return list(decode_file(broker, path))

    return run


def case(*frames, **context):
    return {"name": "one", "context": {**CONTEXT, **context}, "frames": list(frames)}


def test_ticks_before_and_after_damage_are_kept(decode):
    good = {"kind": "binary", "data": "0001000800000101000003e8"}
    cut = {"kind": "binary", "data": "0002000800000101000007d0"}
    assert decode([case(good, cut, good)]) == [
        {
            "name": "one",
            "ticks": [
                {"symbol": "A", "exchange": "NSE", "mode": "LTP", "ltp": price}
                for price in (10.0, 20.0, 10.0)
            ],
            "error": "truncated",
        }
    ]


def test_instruments_that_are_not_named_are_left_out(decode):
    [result] = decode([case({"kind": "binary", "data": "0001000800000201000003e8"})])
    assert result == {"name": "one", "ticks": []}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"[{", "truncated.*expected a JSON list of cases"),
        (b"\xff", "expected a JSON list of cases"),
        ([{"name": "x"}], r"missing required field `frames`.*\[0\]"),
        ([case({"kind": "hex", "data": ""})], r"frames\[0\]\.kind"),
        ([case({"kind": "binary", "data": "0g"})], r"case 0 \(one\), frame 0: .*hexadecimal"),
        ([case(stream="deep")], r"case 0 \(one\): no stream 'deep'; zerodha has feed"),
    ],
)
def test_a_bad_file_is_told_with_its_place(decode, content, place):
    with pytest.raises(FrameFileError, match=place):
        decode(content)


def test_missing_file_and_broker(tmp_path, decode):
    with pytest.raises(FrameFileError, match="No such file"):
        decode_file("zerodha", tmp_path / "none.json")
    with pytest.raises(UnknownBrokerError):
        decode([], broker="nobody")
