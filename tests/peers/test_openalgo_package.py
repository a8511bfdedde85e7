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

from simulators.brokers.fyers.broker import access_token

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
#: Messages read through each broker; the whole day through the first.
PART = 6_000
CREDENTIALS = {
    "zerodha": ("api_key", "access_token"),
    "angel": ("api_key", "access_token", "client_code", "feed_token"),
    "dhan": ("client_id", "access_token"),
    "dhan_sandbox": (),
    "upstox": ("access_token",),
    "fyers": ("access_token",),
    "nubra": ("access_token",),
}
#: At hundreds of times the day's pace the package may fall behind; every tick is wanted.
EVERY_TICK = (
    f"conflate_above_bytes = {1 << 28}\nconflate_after_s = 100\nmax_backlog_bytes = {1 << 29}"
)
#: These send, or have a trade, only where something changed: not every row is a message.
CHANGES_ONLY = {"fyers", "nubra"}


@pytest.mark.parametrize("broker", CREDENTIALS)
def test_openalgo_package_receives_the_recorded_values(system, data_folder, peer_python, broker):
    recording = data_folder / RECORDING
    expected = expected_messages(recording)
    whole_day = sum(map(len, expected.values()))
    count = whole_day if broker == "zerodha" else PART
    one = system(config(broker, recording), EVERY_TICK).up()
    control(one, "pause=on")
    got = received(one, peer_python("openalgo"), count)
    proxy = one.process("proxy")["stats"]
    assert (proxy["lost_total"], proxy["conflated_total"]) == (0, 0)
    assert sum(map(len, got.values())) >= (0.9 * PART if broker in CHANGES_ONLY else count)
    for key, rows in expected.items():
        if broker in CHANGES_ONLY:
            assert_in_order([message["data"]["ltp"] for message in got[key]], rows, key)
        else:
            for number, (is_, should) in enumerate(zip(got[key], rows, strict=False)):
                assert compared(is_, should) == should, f"message {number} of {key}"
    if count == whole_day:
        assert {key: len(got[key]) for key in expected} == {k: len(v) for k, v in expected.items()}


def config(broker, recording):
    # Fyers' token carries the key of its price socket; the others' may be anything.
    value = f"app:{access_token('any')}" if broker == "fyers" else "made-up"
    credentials = ", ".join(f'{name} = "{value}"' for name in CREDENTIALS[broker])
    return f"""
[simulators.recorded]
broker = "{broker}"
data = "{recording}"
speed = {1000 if broker == "zerodha" else 300}

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
        one.wait_for(lambda: is_subscribed(one.process("feed")["stats"]))
        control(one, "pause=off")
        got = collections.defaultdict(list)
        for line in client.stdout:
            if line.startswith("{"):
                message = json.loads(line)
                got[message["exchange"], message["symbol"]].append(message)
    assert client.returncode == 0
    return got


def is_subscribed(stats):
    """The broker was asked for everything: requests are paced."""
    return stats["topics"] == len(WANTED) and stats["topics_waiting"] == 0


def control(one, command):
    address = one.process("recorded")["endpoint"].replace("ws://", "http://")
    with urllib.request.urlopen(f"{address}/control?{command}", timeout=5) as reply:
        assert reply.status == 200


def compared(message, should):
    """The fields that the recording can tell; times of ours are only looked at for their type."""
    data = message["data"]
    assert isinstance(data["timestamp"], int)
    return {name: data[name] for name in should}


def assert_in_order(prices, rows, key):
    """The prices change as the rows' do; and there are not few.

    Where price and book come apart, one row can be two messages, and none is a row as a whole.
    """
    remaining = changes(row["ltp"] for row in rows)
    for number, price in enumerate(changes(prices)):
        assert price in remaining, f"change {number} of {key}, to {price}, is none of the market's"
    assert len(prices) > PART / 20, key


def changes(prices):
    return (price for price, _ in itertools.groupby(prices))


def expected_messages(recording):
    """Straight from the recording, not through our reader."""
    wanted = collections.defaultdict(list)
    with gzip.open(recording) as file:
        for line in file:
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
