"""The unmodified `openalgo` package reads a recorded day through the whole system.

Recording -> simulator (Kite's wire protocol) -> adapter -> bus -> proxy -> package, each a
process of its own: every value equal, in order, none missing.
"""

import collections
import gzip
import itertools
import json
import subprocess
import urllib.request
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.peer,
    pytest.mark.realdata,
    pytest.mark.process,
    pytest.mark.timeout(240),
]

CLIENT = Path(__file__).with_name("openalgo_client.py")
RECORDING = Path("upstox-nse-2025-12-15", "ticks.jsonl.gz")
#: Recorded instrument -> what an OpenAlgo client calls it, and the mode it asks for.
WANTED = {
    "NSE_EQ|INE027H01010": ("ltp", "NSE", "MAXHEALTH"),
    "NSE_FO|51502": ("quote", "NFO", "BANKNIFTY30DEC2559800PE"),
    "NSE_FO|51507": ("depth", "NFO", "BANKNIFTY30DEC2559900CE"),
}
#: The whole day through one broker, its first part through each of the others.
WHOLE_DAY = 10**9
PART = 40_000
CREDENTIALS = {
    "zerodha": ("api_key", "access_token"),
    "angel": ("api_key", "access_token", "client_code", "feed_token"),
    "dhan": ("client_id", "access_token"),
    "dhan_sandbox": (),
    "upstox": ("access_token",),
    "fyers": ("access_token",),
    "nubra": ("access_token",),
}


@pytest.mark.parametrize(
    ("broker", "rows"), [(b, WHOLE_DAY if b == "zerodha" else PART) for b in CREDENTIALS]
)
def test_openalgo_package_receives_the_recorded_values(
    system, data_folder, peer_python, broker, rows
):
    recording = data_folder / RECORDING
    expected = expected_messages(recording, rows)
    one = system(config(broker, recording)).up()
    control(one, "pause=on")
    got = received(one, peer_python("openalgo"), sum(map(len, expected.values())))
    for key, messages in expected.items():
        assert len(got[key]) >= 0.9 * len(messages), key
        for number, (is_, should) in enumerate(zip(got[key], messages, strict=False)):
            assert compared(is_, should) == should, f"message {number} of {key}"
    if rows == WHOLE_DAY:
        assert {key: len(got[key]) for key in expected} == {k: len(v) for k, v in expected.items()}
    assert one.process("proxy")["stats"]["lost_total"] == 0


def config(broker, recording):
    credentials = ", ".join(f'{name} = "made-up"' for name in CREDENTIALS[broker])
    return f"""
[simulators.recorded]
broker = "{broker}"
data = "{recording}"
speed = 1500

[adapters.feed]
broker = "{broker}"
url = "simulator:recorded"
instruments = "simulator:recorded"
credentials = {{ {credentials} }}
"""


def received(one, python, count):
    """What the package's callbacks were given, by instrument, `count` in all."""
    wanted = {mode: [[exchange, symbol]] for mode, exchange, symbol in WANTED.values()}
    command = [python, CLIENT, one.url(), json.dumps(wanted), str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        client.stdin.write(one.key() + "\n")
        client.stdin.flush()
        for line in client.stdout:  # the package prints, too
            if line == "ready\n":
                break
        one.wait_for(lambda: one.process("feed")["stats"]["symbols"] == len(WANTED))
        control(one, "pause=off")
        got = collections.defaultdict(list)
        for line in client.stdout:
            if line.startswith("{"):
                message = json.loads(line)
                got[message["exchange"], message["symbol"]].append(message)
    assert client.returncode == 0
    return got


def control(one, command):
    address = one.process("recorded")["endpoint"].replace("ws://", "http://")
    with urllib.request.urlopen(f"{address}/control?{command}", timeout=5) as reply:
        assert reply.status == 200


def compared(message, should):
    """The fields that the recording can tell; times of ours are only looked at for their type."""
    data = message["data"]
    assert isinstance(data["timestamp"], int)
    return {name: data[name] for name in should}


def expected_messages(recording, rows):
    """Straight from the recording's first rows, not through our reader."""
    wanted = collections.defaultdict(list)
    with gzip.open(recording) as file:
        for line in itertools.islice(file, rows):
            row = json.loads(line)
            if row["k"] in WANTED:
                mode, exchange, symbol = WANTED[row["k"]]
                wanted[exchange, symbol].append(EXPECT[mode](row["ff"]["marketFF"]))
    return wanted


def ltp(full):
    return {"ltp": full["ltpc"]["ltp"]}


def quote(full):
    day = next(c for c in full["marketOHLC"]["ohlc"] if c["interval"] == "1d")
    price, close = full["ltpc"]["ltp"], full["ltpc"]["cp"]
    return {
        "ltp": price,
        **{name: day[name] for name in ("open", "high", "low")},
        "close": close,
        "volume": int(full["vtt"]),
        "last_trade_quantity": int(full["ltpc"]["ltq"]),
        "avg_trade_price": full["atp"],
        "change": pytest.approx(price - close, abs=0.005),
        "change_percent": pytest.approx((price - close) / close * 100, abs=0.005),
    }


def depth(full):
    rows = full["marketLevel"]["bidAskQuote"]
    return {
        "ltp": full["ltpc"]["ltp"],
        "depth": {
            side: [
                {
                    "price": row.get(f"{word}P", 0.0),
                    "quantity": int(row.get(f"{word}Q", 0)),
                    "orders": 0,
                }
                for row in rows
            ]
            for side, word in (("buy", "bid"), ("sell", "ask"))
        },
    }


EXPECT = {"ltp": ltp, "quote": quote, "depth": depth}
