"""Angel One's packets, commands, logins and master, read by the adapter that knows them."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.brokers.angel.broker import BROKER
from adapters.brokers.angel.master import read_master
from adapters.codec import Account
from bus.topics import Mode
from simulators import SimulatorSettings
from simulators.broker import RefusedError, Request
from simulators.brokers.angel.broker import MAX_DEPTH_20, MAX_SUBSCRIPTIONS, Angel
from simulators.brokers.angel.packets import EXCHANGE_TYPES, SIZES, encode, split, token
from simulators.markets.market import Instrument, Level, Snapshot
from simulators.markets.synthetic import SyntheticMarket

INFY = Instrument(exchange="NSE", symbol="INFY", exchange_token=1594)
NIFTY = Instrument(exchange="NSE_INDEX", symbol="NIFTY", exchange_token=1001, name="NIFTY 50")
USDINR = Instrument(exchange="CDS", symbol="USDINR29OCT25FUT", exchange_token=1594)
SENSEX50 = Instrument(exchange="BSE_INDEX", symbol="SENSEX50", exchange_token=47, name="SNSX50")
BANK = Instrument(exchange="BCD", symbol="USDINR29OCT25FUT", exchange_token=9)
HEADERS = {
    "authorization": "jwt", "x-api-key": "key", "x-client-code": "A1", "x-feed-token": "feed",
}  # fmt: skip
TIME = 1763437500000


def angel(instruments=(INFY, NIFTY, USDINR), **settings):
    return Angel(list(instruments), SimulatorSettings(broker="angel", **settings))


def command(action, mode, *groups):
    listed = [{"exchangeType": kind, "tokens": names} for kind, names in groups]
    params = {"mode": mode, "tokenList": listed}
    return json.dumps({"correlationID": "abcde12345", "action": action, "params": params})


def told(reaction):
    """The error code of a reaction's only reply."""
    [reply] = reaction.replies
    answer = json.loads(reply)
    assert set(answer) == {"correlationID", "errorCode", "errorMessage"}
    return answer["correlationID"], answer["errorCode"]


# --- packets ------------------------------------------------------------------------------

PRICE = st.integers(0, 10**9).map(lambda paise: paise / 100)
COUNT = st.integers(0, 10**12)
SIDE = st.lists(st.builds(Level, PRICE, COUNT, st.integers(0, 2**15 - 1)), max_size=5).map(tuple)
SNAPSHOT = st.builds(
    Snapshot,
    number=st.just(0),
    ltp=PRICE,
    last_quantity=COUNT,
    average_price=PRICE,
    volume=COUNT,
    buy_quantity=COUNT,
    sell_quantity=COUNT,
    open=PRICE,
    high=PRICE,
    low=PRICE,
    close=PRICE,
    last_trade_ms=st.just(TIME),
    exchange_ms=st.integers(TIME, TIME + 10**9),
    oi=COUNT,
    bids=SIDE,
    asks=SIDE,
)


def levels(side, count=5, most=10**12):
    full = [*side, *([Level(0.0, 0, 0)] * (count - len(side)))]
    return [(price, min(quantity, most), orders) for price, quantity, orders in full]


@given(SNAPSHOT, st.sampled_from([1, 2, 3]))
def test_codec_reads_what_the_simulator_writes(snapshot, mode):
    codec = BROKER.codec(Account(credentials={}), "feed")
    decoded = codec.decode(encode(INFY, snapshot, mode))
    assert decoded.error is None
    [tick] = decoded.ticks
    expected = {"key": "1|1594", "ltp": snapshot.ltp, "exchange_timestamp": snapshot.exchange_ms}
    if mode >= 2:
        expected |= {
            "ltq": snapshot.last_quantity,
            "average_price": snapshot.average_price,
            "volume": snapshot.volume,
            "total_buy_quantity": snapshot.buy_quantity,
            "total_sell_quantity": snapshot.sell_quantity,
            "open": snapshot.open,
            "high": snapshot.high,
            "low": snapshot.low,
            "close": snapshot.close,
        }
    if mode == 3:
        expected |= {
            "last_trade_time": TIME, "oi": snapshot.oi, "upper_circuit": 0.0, "lower_circuit": 0.0,
        }  # fmt: skip
        assert tick.depth.buy == levels(snapshot.bids)
        assert tick.depth.sell == levels(snapshot.asks)
    names = set(tick.__struct_fields__) - {"mode", "depth"}
    assert {n: v for n in names if (v := getattr(tick, n)) is not None} == expected
    assert tick.mode == Mode(mode)


@given(SNAPSHOT)
def test_twenty_levels_round_trip(snapshot):
    codec = BROKER.codec(Account(credentials={}), "depth20")
    [tick] = codec.decode(encode(INFY, snapshot, 4)).ticks
    assert tick.depth.buy == levels(snapshot.bids, 20, 2**31 - 1)
    assert tick.depth.sell == levels(snapshot.asks, 20, 2**31 - 1)
    assert (tick.exchange_timestamp, tick.ltp) == (snapshot.exchange_ms, None)


@given(st.integers(0, 10**10), st.sampled_from(sorted(EXCHANGE_TYPES)))
def test_price_on_the_grid_of_every_exchange(steps, exchange):
    instrument = Instrument(exchange=exchange, symbol="X", exchange_token=5)
    price = steps / (10_000 if exchange == "CDS" else 100)
    packet = encode(instrument, Snapshot(number=0, ltp=price), 1)
    [tick] = BROKER.codec(Account(credentials={}), "feed").decode(packet).ticks
    assert tick.ltp == price
    assert tick.key == f"{EXCHANGE_TYPES[exchange]}|{token(instrument)}"


@given(st.lists(st.sampled_from([1, 2, 3, 4])))
def test_packets_behind_one_another_are_told_apart(modes):
    packets = [encode(INFY, Snapshot(number=0, ltp=1.0), mode) for mode in modes]
    assert list(split(b"".join(packets))) == packets
    assert [len(packet) for packet in packets] == [SIZES[mode] for mode in modes]


def test_an_index_has_no_sequence_number():
    snapshot = Snapshot(number=0, ltp=1.0, exchange_ms=TIME)
    assert encode(NIFTY, snapshot, 1)[27:35] == bytes(8)
    assert encode(INFY, snapshot, 1)[27:35] != bytes(8)


# --- commands -----------------------------------------------------------------------------


def test_modes_add_up_and_go_one_by_one():
    session = angel().session()
    assert session.receive(command(1, 3, (1, ["1594", "99926000", "7"]))).changed == [0, 1]
    assert session.receive(command(1, 3, (1, ["1594"]))).changed == []
    assert session.receive(command(1, 2, (1, ["1594"]), (13, ["1594"]))).changed == [0, 2]
    assert session.modes == {0: "23", 1: "3", 2: "2"}
    assert session.receive(command(0, 3, (1, ["1594", "99926000"]))).changed == [0, 1]
    assert session.receive(command(0, 3, (1, ["1594"]))).changed == []
    assert session.modes == {0: "2", 2: "2"}


def test_every_mode_of_an_instrument_is_a_packet():
    broker = angel()
    frames = list(broker.frames([broker.packet(Snapshot(number=0, ltp=1.0), "24")]))
    assert [(frame[0], len(frame)) for frame in frames] == [(2, 123), (4, 443)]


@pytest.mark.parametrize(
    "text",
    [
        "", "not JSON", "[]", "{}", b"\xff",
        '{"action":1,"params":{"mode":1}}',
        '{"action":1,"params":{"mode":1,"tokenList":[{"exchangeType":1,"tokens":[1594]}]}}',
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused(text):
    assert told(angel().session().receive(text)) == ("", "E1001")


@pytest.mark.parametrize(
    "text",
    [command(2, 1), command(1, 5), command(1, 0), command(1, 4, (1, ["1594"]), (13, ["1594"]))],
)
def test_an_impossible_command_is_refused_with_its_number(text):
    session = angel().session()
    assert told(session.receive(text)) == ("abcde12345", "E1001")
    assert session.modes == {}


def test_limits_refuse_a_request_as_a_whole():
    count = MAX_SUBSCRIPTIONS
    shares = [Instrument(exchange="NSE", symbol=f"S{n}", exchange_token=n) for n in range(count)]
    session = angel(shares).session()
    tokens = [str(n) for n in range(count)]
    assert session.receive(command(1, 4, (1, tokens[:MAX_DEPTH_20]))).changed
    assert told(session.receive(command(1, 4, (1, tokens[-1:])))) == ("abcde12345", "E1002")
    rest = count - MAX_DEPTH_20
    assert told(session.receive(command(1, 1, (1, tokens[: rest + 1])))) == ("abcde12345", "E1002")
    assert len(session.receive(command(1, 1, (1, tokens[:rest]))).changed) == rest


@given(st.text() | st.binary())
def test_no_message_raises(message):
    angel().session().receive(message)


def test_ping_is_answered():
    assert angel().session().receive("ping").replies == ["pong"]


# --- logins -------------------------------------------------------------------------------


def test_login_names_the_account():
    settings = {"api_key": "key", "access_token": "jwt"}
    assert angel(**settings).login(Request("/smart-stream", {}, HEADERS)) == "A1"
    bearer = HEADERS | {"authorization": "Bearer jwt"}
    assert angel(**settings).login(Request("/", {}, bearer)) == "A1"
    query = {"clientCode": "A1", "feedToken": "feed", "apiKey": "key"}
    assert angel(**settings).login(Request("/", query, {})) == "A1"
    orders = Request("/smart-order-update", {}, {"authorization": "Bearer jwt"})
    assert angel(**settings).login(orders) == "orders of jwt"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"authorization": ""}, "Auth token"),
        ({"authorization": "other"}, "Auth token"),
        ({"x-client-code": ""}, "Client Code"),
        ({"x-api-key": "other"}, "API Key"),
        ({"x-feed-token": ""}, "Feed Token"),
    ],
)
def test_login_with_missing_or_wrong_credentials_is_refused(change, reason):
    broker = angel(api_key="key", access_token="jwt")
    with pytest.raises(RefusedError) as refused:
        broker.login(Request("/smart-stream", {}, HEADERS | change))
    assert refused.value.status == 401
    assert refused.value.headers == {"x-error-message": f"Invalid Header - Invalid {reason}"}


def test_order_socket_looks_at_the_token_only():
    with pytest.raises(RefusedError):
        angel().login(Request("/smart-order-update", {}, {"x-api-key": "key"}))


def test_hint_points_an_adapter_at_it():
    assert angel().hint(5).splitlines() == [
        'url = "ws://127.0.0.1:5"',
        'instruments = "http://127.0.0.1:5/instruments"',
    ]


# --- the master -----------------------------------------------------------------------------


def test_master_maps_back_to_openalgo_symbols():
    market = SyntheticMarket(seed=0, rate=1, start_ms=1_765_770_300_000)
    broker = angel([*market.instruments, SENSEX50, BANK])
    assert broker.document("/instruments") == broker.document(
        "/OpenAPI_File/files/OpenAPIScripMaster.json"
    )
    assert broker.document("/") is None
    body = broker.document("/instruments").body.decode()
    found = [(i.exchange, i.symbol, i.token) for i in read_master(io.StringIO(body))]
    assert found == [
        (i.exchange, i.symbol, f"{EXCHANGE_TYPES[i.exchange]}|{token(i)}")
        for i in [*market.instruments, SENSEX50]
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("exchange", "kind", "strike", "symbol", "word"),
    [
        ("NFO", "FUT", 0.0, "X29OCT25FUT", "FUTSTK"),
        ("BFO", "CE", 82000.0, "X25OCT82000CE", "OPTSTK"),
        ("MCX", "PE", 5000.0, "X25OCT5000PE", "OPTFUT"),
        ("CDS", "CE", 83.25, "X25OCT83.25CE", "OPTCUR"),
        ("CDS", "FUT", 0.0, "X25OCTFUT", "FUTCUR"),
    ],
)
def test_master_spells_contracts_as_the_broker_does(exchange, kind, strike, symbol, word):
    expiry = SyntheticMarket(seed=0, rate=1, start_ms=TIME).instruments[-1].expiry
    expiry = expiry.replace(year=2025, month=10, day=29)
    name = f"X29OCT25{f'{strike:g}' if strike else ''}{kind}"
    contract = Instrument(
        exchange=exchange, symbol=name, exchange_token=1, name="X", kind=kind,
        expiry=expiry, strike=strike,
    )  # fmt: skip
    [row] = json.loads(angel([contract]).document("/instruments").body)
    assert (row["symbol"], row["instrumenttype"], row["expiry"]) == (symbol, word, "29OCT2025")
    [instrument] = read_master(io.StringIO(json.dumps([row])))
    assert (instrument.exchange, instrument.symbol) == (exchange, name)
