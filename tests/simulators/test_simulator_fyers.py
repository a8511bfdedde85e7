"""Fyers' sockets: logins, requests, and what the adapter makes of them."""

from __future__ import annotations

import itertools
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.brokers.fyers.broker import BROKER
from adapters.codec import Account
from bus.secret import Secret
from bus.topics import Mode
from simulators import SimulatorSettings
from simulators.broker import RefusedError, Request
from simulators.brokers.fyers.broker import ORDERS_PATH, TBT_PATH, Fyers, access_token, hsm_key
from simulators.brokers.fyers.hsm import LITE, MAX_TOPICS
from simulators.brokers.fyers.tbt import MODE
from simulators.markets.deepbook import deepened
from simulators.markets.market import Instrument, Level, Snapshot

INFY = Instrument(exchange="NSE", symbol="INFY", exchange_token=1594, lot_size=1)
NIFTY = Instrument(exchange="NSE_INDEX", symbol="NIFTY", exchange_token=1001, name="NIFTY 50")
ABROAD = Instrument(exchange="GLOBAL_INDEX", symbol="DJI", exchange_token=1)
INFY_TOKEN, NIFTY_TOKEN = "nse_cm|1594|NSE:INFY-EQ", "nse_cm|Nifty 50|NSE:NIFTY50-INDEX"
SF, DP, IF = "sf|nse_cm|1594", "dp|nse_cm|1594", "if|nse_cm|Nifty 50"
APP, JWT = "APP-100", access_token("key")
ACCEPTED, REFUSED = "000d01020100014b02000400000032", "000601010100014e"
BOOK = tuple(Level(100.0 - n, 10 + n, n) for n in range(5))


def fyers(**settings):
    return Fyers([INFY, NIFTY, ABROAD], SimulatorSettings(broker="fyers", **settings))


def session(path="/hsm/v1-5/prod", **settings):
    one = fyers(**settings).session()
    one.opened(Request(path, {}, {}))
    return one


def codec(stream="hsm", token=f"{APP}:{JWT}"):
    return BROKER.codec(Account(credentials={"access_token": Secret(token)}), stream)


def logged_in(**settings):
    one = session(**settings)
    for frame in codec().login():
        one.receive(frame)
    return one


def ask(one, tokens=(INFY_TOKEN,), mode=Mode.QUOTE):
    [request] = codec().subscribe(tokens, mode)
    return one.receive(request)


def send(one, ltp, number=0):
    """What a session sends of a snapshot."""
    snapshot = Snapshot(number=number, ltp=ltp, bids=BOOK, asks=BOOK, volume=5)
    return list(one.frames([fyers().packet(snapshot, one.modes[number])]))


def kinds(frames):
    return [chr(frame[9]) for frame in frames]


def control(kind, channels, *more):
    return struct.pack(">HBBBHQ", 0, kind, 1 + len(more), 1, 8, channels) + b"".join(more)


def test_auth_by_the_key_of_the_jwt():
    login = codec().login()[0]
    assert [r.hex() for r in session(access_token=JWT).receive(login).replies] == [ACCEPTED]
    assert [r.hex() for r in session().receive(login).replies] == [ACCEPTED]
    wrong = session(access_token=access_token("other"))
    assert [r.hex() for r in wrong.receive(login).replies] == [REFUSED]
    assert ask(wrong).replies[0][2:].hex() == "04010100014e"
    assert wrong.modes == {}
    assert [hsm_key(text) for text in (JWT, "plain", "a.b.c")] == ["key", "plain", "a.b.c"]


def test_topics_make_modes():
    one = logged_in()
    assert ask(one, [INFY_TOKEN, NIFTY_TOKEN, "nse_cm|9|NSE:X-EQ"]).changed == [0, 1]
    assert one.modes == {0: "sf", 1: "if"}
    assert ask(one, mode=Mode.DEPTH).changed == [0]
    assert one.modes == {0: "sf dp", 1: "if"}
    [end] = codec().unsubscribe([INFY_TOKEN], Mode.QUOTE)
    assert one.receive(end).changed == [0]
    assert one.modes == {0: "dp", 1: "if"}
    [end] = codec().unsubscribe([INFY_TOKEN], Mode.DEPTH)
    one.receive(end)
    assert one.modes == {1: "if"}


def test_a_snapshot_then_changes_then_nothing():
    one = logged_in()
    ask(one, mode=Mode.DEPTH)
    [first] = send(one, 100.0)
    assert struct.unpack(">IH", first[3:9]) == (1, 2)
    assert kinds([first]) == ["S"]
    assert kinds(send(one, 101.0)) == ["U"]
    assert send(one, 101.0) == []
    ask(one)  # once more: it begins anew, under another number
    [again] = send(one, 101.0)
    assert again[10:12] != first[10:12]
    assert kinds([again]) == ["S"]


def test_lite_mode_tells_the_price_only():
    one = logged_in()
    ask(one, mode=Mode.DEPTH)
    reply = one.receive(control(12, 1 << 11, b"\x02\x00\x01" + LITE)).replies
    assert [r[2:].hex() for r in reply] == ["0c010100014b"]
    assert kinds(send(one, 100.0)) == ["S"]
    [frame] = send(one, 102.5)
    assert frame[9:] == b"L\x00\x01" + struct.pack(">i", 10250)
    one.receive(control(12, 1 << 11, b"\x02\x00\x01F"))
    assert kinds(send(one, 103.0)) == ["U"]


def test_a_paused_channel_is_silent():
    one = logged_in()
    ask(one)
    assert one.receive(control(7, 1 << 11)).changed == []
    assert send(one, 100.0) == []
    assert one.receive(control(8, 1 << 11)).changed == [0]
    assert kinds(send(one, 100.0)) == ["S"]


def test_limits_of_the_plan():
    listed = [
        Instrument(exchange="NSE", symbol=f"S{n}", exchange_token=n) for n in range(MAX_TOPICS + 1)
    ]
    broker = Fyers(listed, SimulatorSettings(broker="fyers"))
    one = broker.session()
    one.opened(Request("/", {}, {}))
    one.receive(codec().login()[0])
    tokens = [f"nse_cm|{n}|NSE:S{n}-EQ" for n in range(MAX_TOPICS + 1)]
    for first in range(0, MAX_TOPICS, 1000):
        ask(one, tokens[first : first + 1000])
    [reply] = ask(one, tokens[-1:]).replies
    assert codec().decode(reply).error.kind == "51001"
    assert len(one.modes) == MAX_TOPICS
    snapshots = (Snapshot(number=n, ltp=1.0) for n in range(MAX_TOPICS))
    packets = [broker.packet(snapshot, "sf") for snapshot in snapshots]
    frames = list(one.frames(packets))
    assert all(len(frame) == struct.unpack(">H", frame[:2])[0] + 2 for frame in frames)
    reader = codec()
    assert sum(len(reader.decode(frame).ticks) for frame in frames) == MAX_TOPICS


def test_acknowledgements_are_noted():
    one = logged_in()
    one.receive(bytes.fromhex("00090301010004000000ff"))
    assert one._talk.acknowledged == 255


@given(st.one_of(st.text(), st.binary()), st.sampled_from(["/", TBT_PATH, ORDERS_PATH]))
def test_no_message_raises(message, path):
    one = session(path)
    for frame in codec().login() if path == "/" else ():
        one.receive(frame)
    one.receive(message)
    one.receive(b"\x00\x00\x04" + message if isinstance(message, bytes) else message)


@pytest.mark.parametrize("path", [TBT_PATH, ORDERS_PATH])
@pytest.mark.parametrize(
    ("header", "settings"),
    [("", {}), ("token", {}), ("APP:", {}), (":t", {}), ("A:t", {"api_key": "B"}),
     ("A:t", {"access_token": "u"})],
)  # fmt: skip
def test_login_by_header_is_refused(path, header, settings):
    with pytest.raises(RefusedError) as refused:
        fyers(**settings).login(Request(path, {}, {"authorization": header}))
    assert refused.value.status == 401


def test_login_counts_each_socket_by_itself():
    header = {"authorization": "A:t"}
    broker = fyers(api_key="A", access_token="t")
    accounts = [broker.login(Request(p, {}, header)) for p in ("/", TBT_PATH, ORDERS_PATH)]
    assert len(set(accounts)) == 3


def deep(*requests):
    one = session(TBT_PATH)
    return one, [one.receive(json.dumps(r) if isinstance(r, dict) else r) for r in requests]


def subscription(action, *symbols, channel="1"):
    data = {"subs": action, "symbols": symbols, "mode": "depth", "channel": channel}
    return {"type": 1, "data": data}


RESUME = {"type": 2, "data": {"resumeChannels": ["1"], "pauseChannels": []}}
PAUSE = {"type": 2, "data": {"resumeChannels": [], "pauseChannels": ["1"]}}


def test_a_deep_channel_is_silent_until_resumed():
    one, [asked] = deep(subscription(1, "NSE:INFY-EQ", "NSE:NIFTY50-INDEX"))
    assert (asked.changed, one.modes) == ([0], {0: MODE})
    assert send(one, 100.0) == []
    assert one.receive(json.dumps(RESUME)).changed == [0]
    [frame] = send(one, 100.0)
    [tick] = codec("tbt").decode(frame).ticks
    assert tick.key == "NSE:INFY-EQ"
    assert len(tick.depth.buy) == 50
    assert send(one, 100.0) == []
    one.receive(json.dumps(PAUSE))
    assert send(one, 101.0) == []
    assert one.receive(json.dumps(subscription(-1, "NSE:INFY-EQ"))).changed == [0]
    assert one.modes == {}


def test_deep_books_are_counted():
    listed = [Instrument(exchange="NSE", symbol=f"S{n}", exchange_token=n) for n in range(6)]
    one = Fyers(listed, SimulatorSettings(broker="fyers")).session()
    one.opened(Request(TBT_PATH, {}, {}))
    names = [f"NSE:S{n}-EQ" for n in range(6)]
    one.receive(json.dumps(subscription(1, *names[:5])))
    [reply] = one.receive(json.dumps(subscription(1, names[5]))).replies
    assert codec("tbt").decode(reply).error.kind == "tbt_error"
    assert len(one.modes) == 5


def test_bad_deep_requests_are_answered():
    one, reactions = deep("ping", "{", {"type": 3}, {"type": 1, "data": {"subs": 0}})
    assert reactions[0].replies == ["pong"]
    for reaction in reactions[1:]:
        assert codec("tbt").decode(reaction.replies[0]).error.kind == "tbt_error"
    assert one.modes == {}


def test_the_order_socket_answers():
    one = session(ORDERS_PATH)
    assert one.receive("ping").replies == ["pong"]
    [reply] = one.receive(codec("orders").login()[0]).replies
    decoded = codec("orders").decode(reply)
    assert (decoded.error, decoded.events) == (None, [])


def test_documents():
    broker = fyers()
    assert broker.document("/instruments").body.count(b"\n") == 2
    assert broker.document("/sym_details/NSE_CM.csv").content_type == "text/csv"
    assert broker.document("/sym_details/NSE_FO.csv") is None
    assert broker.document("/") is None


def test_deep_levels_go_on():
    side = [Level(100.0, 5, 1), Level(99.5, 6, 2), Level(99.4, 7, 3)]
    far = deepened(side, 6)
    assert far[:3] == side
    assert far[3:] == [Level(99.3, 5, 1), Level(99.2, 6, 2), Level(99.1, 7, 3)]
    assert deepened(side, 2) == side[:2]
    assert len(deepened([Level(0.2, 1, 1), Level(0.1, 1, 1)], 50)) == 2
    assert deepened(side[:1], 9) == side[:1]
    assert deepened([side[0], Level(0.0, 0, 0)], 9) == [side[0], Level(0.0, 0, 0)]


def test_packets_keep_their_order():
    one = logged_in()
    ask(one, [INFY_TOKEN, NIFTY_TOKEN])
    broker = fyers()
    packets = [
        broker.packet(Snapshot(number=number, ltp=float(at + 1)), one.modes[number])
        for at, number in zip(range(300), itertools.cycle((0, 1)), strict=False)
    ]
    reader = codec()
    ticks = [tick for frame in one.frames(packets) for tick in reader.decode(frame).ticks]
    assert [tick.ltp for tick in ticks] == [float(at + 1) for at in range(300)]
