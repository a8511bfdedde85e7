"""Nubra's simulator: its messages through the adapter's codec, its requests, its server."""

import asyncio
import contextlib
import datetime as dt
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from adapters.brokers.nubra.broker import BROKER, Nubra
from adapters.brokers.nubra.master import read_master
from adapters.codec import Account
from adapters.errors import Verdict
from bus.secret import Secret
from bus.topics import Mode
from simulators import SimulatorServer, SimulatorSettings
from simulators.broker import Request
from simulators.brokers.nubra.broker import MAX_POINTS
from simulators.brokers.nubra.broker import Nubra as Simulator
from simulators.brokers.nubra.packets import MAX_ENTRIES
from simulators.markets.market import Instrument, Level, Snapshot
from simulators.markets.synthetic import SyntheticMarket

RELIANCE = Instrument(exchange="NSE", symbol="RELIANCE", exchange_token=2885)
NIFTY = Instrument(exchange="NSE_INDEX", symbol="NIFTY", exchange_token=1001, name="NIFTY 50")
CALL = Instrument(
    exchange="NFO",
    symbol="NIFTY25NOV2525900CE",
    exchange_token=40001,
    name="NIFTY",
    kind="CE",
    expiry=dt.date(2025, 11, 25),
    strike=25900.0,
    lot_size=75,
)
USDINR = Instrument(exchange="CDS", symbol="USDINR", exchange_token=1)
ALL = [RELIANCE, NIFTY, CALL, USDINR]
START_MS = 1_765_770_300_000


def simulator(instruments=ALL, **settings):
    return Simulator(instruments, SimulatorSettings(broker="nubra", **settings))


def codec(url="", token="t", stream="feed"):
    return Nubra(Account(credentials={"access_token": Secret(token)}, url=url), stream)


def master_of(broker, path="/instruments"):
    return list(read_master(io.StringIO(broker.document(path).body.decode())))


def token_of(broker, exchange, symbol):
    return next(i.token for i in master_of(broker) if i[:2] == (exchange, symbol))


def subscribed(broker, exchange, symbol, mode, stream="feed"):
    """A session that the codec's own requests were put to."""
    session = broker.session()
    token = token_of(broker, exchange, symbol)
    for request in codec(stream=stream).subscribe([token], mode):
        assert session.receive(request).replies == ()
    return session


def decoded(broker, session, snapshot):
    """What the codec understands of a snapshot as a session is fed it."""
    reader = codec()
    ticks = []
    for frame in broker.frames([broker.packet(snapshot, session.modes[snapshot.number])]):
        result = reader.decode(frame)
        assert result.error is None
        ticks += result.ticks
    return ticks


# --- what is sent ---------------------------------------------------------------------------

PAISE = st.integers(1, 10**9)
COUNTS = st.integers(0, 2**40)
LEVELS = st.lists(st.builds(Level, PAISE.map(lambda p: p / 100), COUNTS, COUNTS), max_size=5)


@given(
    prices=st.lists(PAISE, min_size=5, max_size=5),
    counts=st.lists(COUNTS, min_size=3, max_size=3),
    time_ms=st.integers(1, 2**40),
    bids=LEVELS,
    asks=LEVELS,
)
def test_what_is_sent_is_what_is_understood(prices, counts, time_ms, bids, asks):
    ltp, opened, high, low, close = (price / 100 for price in prices)
    ltq, volume, oi = counts

    def snapshot(number):
        return Snapshot(
            number=number, ltp=ltp, open=opened, high=high, low=low, close=close, volume=volume,
            last_quantity=ltq, oi=oi, exchange_ms=time_ms, bids=tuple(bids), asks=tuple(asks),
        )  # fmt: skip

    broker = simulator()
    session = subscribed(broker, "NSE", "RELIANCE", Mode.DEPTH)
    quote, book = decoded(broker, session, snapshot(0))
    assert quote.key in BROKER.keys(token_of(broker, "NSE", "RELIANCE"))
    assert (quote.open, quote.high, quote.low, quote.close) == (opened, high, low, close)
    assert (quote.ltp, quote.volume or 0) == (ltp, volume)
    assert (book.ltp, book.ltq, book.volume) == (ltp, ltq, volume)
    assert (book.depth.buy, book.depth.sell) == (bids, asks)
    assert quote.exchange_timestamp == book.exchange_timestamp == time_ms

    session = subscribed(broker, "NFO", "NIFTY25NOV2525900CE", Mode.QUOTE)
    book, greeks = decoded(broker, session, snapshot(2))
    assert (greeks.key, greeks.ltp, greeks.oi) == (book.key, ltp, oi)

    session = subscribed(broker, "NSE_INDEX", "NIFTY", Mode.QUOTE)
    [quote] = decoded(broker, session, snapshot(1))
    assert (quote.key, quote.open, quote.ltp) == ("NSE:NIFTY 50", opened, ltp)


def test_the_last_price_alone():
    broker = simulator()
    for exchange, symbol, number, keys in (
        ("NSE", "RELIANCE", 0, [69001]),
        ("NSE_INDEX", "NIFTY", 1, ["NSE:NIFTY 50"]),
    ):
        session = subscribed(broker, exchange, symbol, Mode.LTP)
        ticks = decoded(broker, session, Snapshot(number=number, ltp=5.0))
        assert [(tick.key, tick.ltp) for tick in ticks] == [(key, 5.0) for key in keys]


def test_depth_is_the_connections_own():
    levels = tuple(Level(float(n), n, n) for n in range(1, 21))
    snapshot = Snapshot(number=0, ltp=5.0, bids=levels, asks=levels)
    broker = simulator()
    for stream, count in (("feed", 5), ("depth20", 20)):
        session = subscribed(broker, "NSE", "RELIANCE", Mode.DEPTH, stream)
        book = decoded(broker, session, snapshot)[-1]
        assert len(book.depth.buy) == len(book.depth.sell) == count
    reaction = session.receive("batch_subscribe t orderbook_depth 1")
    assert reaction.changed == [0]
    assert len(decoded(broker, session, snapshot)[-1].depth.buy) == 1


@pytest.mark.parametrize("mode", Mode)
def test_what_was_asked_for_ends_with_it(mode):
    broker = simulator()
    tokens = [instrument.token for instrument in master_of(broker)]
    session = broker.session()
    for request in codec().subscribe(tokens, mode):
        session.receive(request)
    assert sorted(session.modes) == [0, 1, 2]
    ended = [n for r in codec().unsubscribe(tokens, mode) for n in session.receive(r).changed]
    assert set(ended) == {0, 1, 2}
    assert session.modes == {}


def test_an_option_chain_tells_the_strike_that_changed():
    broker = simulator()
    session = broker.session()
    chain = '[{"exchange":"NSE","asset":"NIFTY","expiry":"20251125"}]'
    assert session.receive(f"batch_subscribe t option {chain}").changed == [2]
    [tick] = decoded(broker, session, Snapshot(number=2, ltp=5.0, oi=7))
    assert (tick.ltp, tick.oi) == (5.0, 7)


@given(st.integers(0, 3 * MAX_ENTRIES))
@example(MAX_ENTRIES)
def test_frames_hold_all_packets_in_order(count):
    broker = simulator()
    mode = subscribed(broker, "NSE", "RELIANCE", Mode.LTP).modes[0]
    packets = [broker.packet(Snapshot(number=0, ltp=n + 1.0), mode) for n in range(count)]
    frames = list(broker.frames(packets))
    ticks = [tick for frame in frames for tick in codec().decode(frame).ticks]
    assert [tick.ltp for tick in ticks] == [n + 1.0 for n in range(count)]
    assert len(frames) == -(-count // MAX_ENTRIES)


# --- what is asked --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_text",
    [
        'batch_subscribe t index {"instruments":[],"indexes":["SBIN"]} NSE',
        'batch_subscribe t index {"instruments":[],"indexes":["RELIANCE"]} BSE',
        'batch_subscribe t index {"indexes":["NIFTY25NOV25900CE"]} NSE',
        'batch_subscribe t index_bucket {"indexes":["RELIANCE"]} 1m NSE',
        'batch_subscribe t orderbook {"instruments":[1,69002]}',
        'batch_subscribe t greeks {"instruments":[69001]}',
        'batch_unsubscribe t orderbook {"instruments":[69001]}',
        "batch_subscribe t socket_interval orderbook 1s",
        "batch_subscribe t post_market true",
        "subscribe t notifications notification",
    ],
)
def test_what_never_ticks_is_accepted_in_silence(request_text):
    session = simulator().session()
    reaction = session.receive(request_text)
    assert (list(reaction.replies), list(reaction.changed), session.modes) == ([], [], {})


def test_an_index_goes_by_its_description_and_its_symbol():
    for name in ("Nifty 50", "NIFTY"):
        session = simulator().session()
        session.receive(f'batch_subscribe t index {{"indexes":["{name}"]}} NSE')
        assert list(session.modes) == [1]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "batch_subscribe t index",
        "batch_subscribe t index {} ",
        "batch_subscribe t index_bucket {} NSE",
        "batch_subscribe t orderbook {",
        'batch_subscribe t orderbook {"instruments":["1"]}',
        "batch_subscribe t orderbook_depth deep",
        "batch_subscribe t orderbook_depth 21",
        "batch_subscribe t option {}",
        "batch_subscribe t dance {}",
        "dance t index {} NSE",
        b"\xff\x00",
    ],
)
def test_what_is_no_request_is_an_error_that_the_codec_knows(message):
    session = simulator().session()
    reaction = session.receive(message)
    if message == "batch_subscribe t index {} ":
        assert not reaction.changed
    else:
        [reply] = reaction.replies
        assert codec().decode(reply).error.kind == "broker_error"
    assert session.modes == {}


@given(st.one_of(st.text(), st.binary()))
def test_no_message_raises(message):
    session = simulator().session()
    session.receive(message)
    if isinstance(message, str):
        for start in ("batch_subscribe t index ", "batch_unsubscribe t option "):
            session.receive(start + message)


def test_a_wrong_token_is_told_at_each_request():
    session = simulator(access_token="right").session()
    for request in codec(token="wrong").subscribe(["STOCK|69001|NSE|RELIANCE"], Mode.LTP):
        [reply] = session.receive(request).replies
        assert codec().decode(reply).error.verdict is Verdict.NEEDS_TOKEN
    assert session.modes == {}


def test_more_points_than_a_session_has_are_refused():
    count = MAX_POINTS // 5 + 1
    many = [
        Instrument(exchange="NSE", symbol=f"S{n}", exchange_token=n, kind="EQ")
        for n in range(count)
    ]
    session = simulator(many).session()
    ref_ids = json.dumps({"instruments": list(range(69001, 69001 + count))})
    [reply] = session.receive(f"batch_subscribe t orderbook {ref_ids}").replies
    assert codec().decode(reply).error.kind == "broker_error"
    assert session.modes == {}


def test_commodities_have_names_of_their_own():
    def crude(kind, strike=0.0):
        expiry = dt.date(2026, 8, 17)
        return Instrument(
            exchange="MCX", symbol=f"CRUDEOIL17AUG26{kind}", exchange_token=1, name="CRUDEOIL",
            kind=kind, expiry=expiry, strike=strike,
        )  # fmt: skip

    tokens = [i.token for i in master_of(simulator([crude("FUT"), crude("CE", 7600.0)]))]
    assert tokens == [
        "FUT|69001|MCX|FUT_CRUDEOIL_20260817",
        "OPT|69002|MCX|OPT_CRUDEOIL_20260817_CE_760000",
    ]


def test_a_login_needs_no_header():
    broker = simulator()
    assert broker.login(Request("/apibatch/ws", {}, {})) == ""
    assert broker.login(Request("/ws", {}, {"authorization": "Bearer t"})) == "Bearer t"


# --- the master -----------------------------------------------------------------------------


def test_master_maps_back_to_openalgo_symbols():
    market = SyntheticMarket(seed=0, rate=1, start_ms=START_MS)
    broker = simulator(market.instruments)
    wanted = {(i.exchange, i.symbol) for i in market.instruments if i.exchange != "CDS"}
    assert {(i.exchange, i.symbol) for i in master_of(broker)} == wanted
    apart = master_of(broker, "/refdata/refdata/2026-11-21") + master_of(broker, "/public/indexes")
    assert apart == master_of(broker)
    assert broker.document("/") is None


# --- the server -----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def running(**settings):
    server = SimulatorServer(SimulatorSettings(broker="nubra", **settings))
    port = await server.start()
    try:
        yield server, f"ws://127.0.0.1:{port}"
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def opened(speaker):
    handshake = speaker.handshake()
    async with connect(
        handshake.url,
        additional_headers=dict(handshake.headers),
        compression=None,
        close_timeout=0.2,  # unread frames keep the answer to a close away
    ) as socket:
        for frame in speaker.login():
            await socket.send(frame)
        yield socket


def test_the_server_feeds_what_the_codec_asks_for():
    async def scenario():
        async with running() as (server, url):
            known = master_of(server._broker)
            by_key = {key: each for each in known for key in BROKER.keys(each.token)}
            wanted = {(each, mode) for each in known for mode in modes_of(each)}
            speaker, got, opens = codec(url), set(), set()
            async with asyncio.timeout(10), opened(speaker) as socket:
                for frame in speaker.subscribe([each.token for each in known], Mode.DEPTH):
                    await socket.send(frame)
                while got != wanted or not opens:
                    told = speaker.decode(await socket.recv())
                    assert told.error is None
                    got |= {(by_key[tick.key], tick.mode) for tick in told.ticks}
                    opens |= {tick.open for tick in told.ticks} - {None}

    asyncio.run(scenario())


def modes_of(instrument):
    """The modes of an instrument's ticks: a future has only its book."""
    if instrument.exchange.endswith("_INDEX"):
        return {Mode.QUOTE}
    return {Mode.DEPTH} if instrument.symbol.endswith("FUT") else {Mode.DEPTH, Mode.QUOTE}


def test_the_server_refuses_a_wrong_token_by_text():
    async def scenario():
        async with running(access_token="right") as (_, url):
            for stream in ("feed", "orders"):
                speaker = codec(url, "wrong", stream)
                async with asyncio.timeout(5), opened(speaker) as socket:
                    if stream == "feed":
                        await socket.send(speaker.subscribe(["OPT|1|NSE|X"], Mode.LTP)[0])
                    error = speaker.decode(await socket.recv()).error
                assert (error.kind, error.verdict) == ("Invalid Token", Verdict.NEEDS_TOKEN)

    asyncio.run(scenario())


def test_userinfo_names_no_other_socket(sim):
    async def scenario():
        async with running() as (server, url):
            _, body = await sim.get(server, "/userinfo")
            speaker = codec(url)
            speaker.prepared(200, body.encode())
            assert speaker.handshake().url == f"{url}/apibatch/ws"
            assert f'url = "{url}"' in server.hint()

    asyncio.run(scenario())
