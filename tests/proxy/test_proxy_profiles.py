"""Profiles: the query string, each shape of a push, MessagePack both ways."""

from __future__ import annotations

import asyncio
import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.frames import Frame, Kind
from bus.topics import Mode
from proxy.clients.subscriptions import Subscription
from proxy.protocol.profile import Look, Profile, Shape
from proxy.protocol.refusal import Refusal
from proxy.protocol.requests import Instrument
from proxy.protocol.shapes import wrapper

TIME_MS = 1_744_799_445_123
PAYLOAD = (
    b'{"symbol":"RELIANCE","exchange":"NSE","ltp":2500.5,"volume":7,'
    b'"timestamp":1744799445123,"open":2490.0}'
)
DATA = json.loads(PAYLOAD)
ISO = "2025-04-16T10:30:45.123Z"


def push(shape, *, spelled=("RELIANCE", "NSE"), mode=Mode.QUOTE, payload=PAYLOAD, binary=False):
    one = Subscription("NSE", "RELIANCE", mode, Instrument(*spelled))
    frame = wrapper(Look(Shape(shape), binary), "zerodha", one)(payload)
    assert frame[0] == (0x82 if binary else 0x81)
    start = 4 if frame[1] == 126 else 2
    return (msgspec.msgpack.decode if binary else json.loads)(frame[start:])


@pytest.mark.parametrize(
    ("path", "profile"),
    [
        ("/", Profile()),
        ("/ws/?profile=flat", Profile(Look(Shape.FLAT))),
        ("/any?profile=Typed&format=msgpack", Profile(Look(Shape.TYPED, binary=True))),
        ("/?format=json&x=1", Profile()),
        ("/?profile=new&format=cbor", Profile()),
        ("/?subscription_status=1", Profile(tells_status=True)),
        ("/?subscription_status=no", Profile()),
        ("/?profile=topic&profile=flat", Profile(Look(Shape.FLAT))),
        ("/?" + "&".join("a=b" for _ in range(100)), Profile()),
        ("//[broken?profile=flat", Profile()),
    ],
)
def test_profile_is_read_from_the_query(path, profile):
    assert Profile.of(path) == profile


@given(path=st.text())
def test_profile_of_any_path_is_some_profile(path):
    assert isinstance(Profile.of(path), Profile)


def test_peer_shape_has_the_keys_that_clients_know_in_their_order():
    message = push("peer")
    assert list(message) == ["type", "symbol", "exchange", "mode", "data", "broker", "topic"]
    assert message["data"] == DATA


def test_topic_shape_is_the_documents():
    assert push("topic") == {
        "type": "market_data",
        "topic": "RELIANCE.NSE",
        "data": DATA | {"timestamp": ISO},
    }


def test_flat_shape_has_the_data_at_the_top_too():
    message = push("flat")
    assert message["data"] == DATA
    assert {name: message[name] for name in DATA} == DATA | {"timestamp": ISO}
    assert (message["type"], message["mode"], message["broker"]) == ("market_data", 2, "zerodha")


@pytest.mark.parametrize("mode", list(Mode))
def test_typed_shape_names_the_mode(mode):
    assert push("typed", mode=mode) == {"type": mode.name.lower(), "data": DATA}


@pytest.mark.parametrize("shape", [shape.value for shape in Shape])
def test_messagepack_says_what_json_says(shape):
    assert push(shape, binary=True) == push(shape)


@pytest.mark.parametrize("shape", [shape.value for shape in Shape])
@given(symbol=st.text(min_size=1, max_size=8), exchange=st.sampled_from([" nse", "Nse"]))
def test_every_shape_keeps_any_spelling(shape, symbol, exchange):
    message = push(shape, spelled=(symbol, exchange))
    assert (message["data"]["symbol"], message["data"]["exchange"]) == (symbol, exchange)
    if shape == "flat":
        assert (message["symbol"], message["exchange"]) == (symbol, exchange)
    if shape in {"peer", "topic", "flat"} and "topic" in message:
        assert message["topic"] == f"{symbol}.{exchange}"


def test_the_adapters_spelling_of_a_level_is_never_seen():
    deep = PAYLOAD.replace(b'"RELIANCE"', b'"RELIANCE:20"')
    one = Subscription("NSE", "RELIANCE", Mode.DEPTH, Instrument("RELIANCE", "NSE"), 20)
    frame = wrapper(Look(), "dhan", one)(deep)
    assert json.loads(frame[4:])["data"]["symbol"] == "RELIANCE"


@given(message=st.binary(max_size=64))
def test_messagepack_requests_become_json_or_a_refusal(message):
    profile = Profile(Look(binary=True))
    with contextlib.suppress(Refusal):
        msgspec.json.decode(profile.text(message))


def test_flat_and_topic_clients_get_the_acknowledgements_of_their_documents(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session(user=None, path="/?profile=flat")
    proxy.say(session, action="authenticate", api_key="key-alice")
    assert inbox.take()[0]["status"] == "authenticated"
    proxy.say(session, action="subscribe", symbols=["SBIN", "NSE:TCS"], mode="LTP")
    (ack,) = inbox.take()
    assert (ack["status"], ack["count"], ack["symbols"]) == ("success", 2, ["SBIN.NSE", "TCS.NSE"])
    session, inbox = proxy.session(path="/?profile=topic")
    proxy.say(session, action="subscribe", symbol="RELIANCE", exchange="NSE")
    (ack,) = inbox.take()
    assert (ack["type"], ack["status"], ack["topic"]) == (
        "subscription",
        "success",
        "RELIANCE.NSE",
    )


def test_clients_of_one_look_share_a_lane_and_of_two_do_not(pure_proxy):
    proxy = pure_proxy()
    looks = ["/", "/?x=1", "/?profile=flat", "/?profile=flat", "/?format=msgpack"]
    clients = [proxy.session(path=path) for path in looks]
    for session, inbox in clients:
        proxy.say(session, action="subscribe", symbol="SBIN", mode=1)
        inbox.take()
    proxy.clock.now += 5
    proxy.desk.lanes.tidy(proxy.clock.now)
    assert proxy.desk.lanes.count == 3
    payload = b'{"symbol":"SBIN","exchange":"NSE","ltp":1.5}'
    proxy.desk.lanes.routes.deliver(
        [Frame(b"ZERODHA_NSE_SBIN_LTP", Kind.TICK, 0, 1, 1, 0, payload)]
    )
    (plain,), (same,), (flat,), _, (packed,) = (inbox.take() for _, inbox in clients)
    assert plain == same == packed
    assert flat == plain | {"ltp": 1.5}


def test_messagepack_client_speaks_and_hears_binary(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.connect("/?format=msgpack")

            async def ask(**request):
                await client.connection.send(msgspec.msgpack.encode(request))
                reply = await client.connection.recv()
                assert isinstance(reply, bytes)
                return msgspec.msgpack.decode(reply)

            key = bench.keys.create("alice")
            assert (await ask(action="auth", api_key=key))["user_id"] == "alice"
            ack = await ask(action="subscribe", symbols=["SBIN"], mode=1, request_id=[1, "x"])
            assert ack["request_id"] == [1, "x"]
            bench.adapter.tick(ltp=5)
            message = msgspec.msgpack.decode(await client.connection.recv())
            assert (message["symbol"], message["data"]["ltp"]) == ("SBIN", 5)
            await client.connection.send(b"\xc1")
            assert msgspec.msgpack.decode(await client.connection.recv())["code"] == "INVALID_JSON"
            await client.connection.send('{"action":"ping"}')  # text stays JSON
            assert msgspec.msgpack.decode(await client.connection.recv())["type"] == "pong"

    asyncio.run(scenario())
