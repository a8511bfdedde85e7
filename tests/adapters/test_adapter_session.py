"""One connection against a real WebSocket server on loopback."""

import asyncio
import contextlib
import json
import logging
from random import Random

import pytest
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosed

from adapters.brokers.zerodha.broker import BROKER
from adapters.codec import Account, Codec, Handshake, HttpRequest, LoggedIn
from adapters.connecting.complaints import Counters
from adapters.connecting.link import State
from adapters.connecting.session import Hooks, Session
from adapters.errors import BrokerError, Verdict
from bus.backoff import Backoff
from bus.clock import SystemClock
from bus.secret import Secret
from bus.topics import Mode

ORDER = {
    "order_id": "1", "tradingsymbol": "SBIN", "exchange": "NSE", "transaction_type": "BUY",
    "order_type": "LIMIT", "product": "CNC", "status": "OPEN", "instrument_token": 257,
}  # fmt: skip


class Owner:
    """What a session told."""

    def __init__(self, account, broker=BROKER, **stream):
        self.ticks = []
        self.orders = []
        self.asked = []
        self.lost = []
        self.states = []
        self.is_open = False
        self.counters = Counters()
        hooks = Hooks(
            on_ticks=lambda ticks, _: self.ticks.extend(ticks),
            on_order=self.orders.append,
            on_asked=self.asked.extend,
            on_lost=self.lost.append,
            on_state=lambda: self.states.append(self.session.state),
            expects_ticks=lambda _: self.is_open,
        )
        self.session = Session(
            "feed 0",
            broker,
            replace(broker.streams[0], **stream),
            account,
            hooks=hooks,
            counters=self.counters,
            clock=SystemClock(),
            backoff=Backoff(base_s=0.001, cap_s=0.01, random=Random(1)),
        )

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.session.run())
        try:
            yield self.session
        finally:
            await self.session.stop()
            await asyncio.wait([task], timeout=3)
            assert task.done()


def test_subscribes_and_hands_on_ticks(kite, account, wire, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            owner.session.want("257", Mode.LTP)
            async with owner.running():
                await eventually(lambda: len(server.requests) == 2)
                assert server.queries == ["/?api_key=key-12345&access_token=token-67890"]
                assert server.requests[1] == {"a": "mode", "v": ["ltp", [257]]}
                await eventually(lambda: owner.asked == ["257"])
                assert owner.session.asked("257") is Mode.LTP
                await server.send(wire.frame(wire.ltp(257, 12345)))
                await eventually(lambda: owner.ticks)
                assert owner.ticks[0].ltp == 123.45
                owner.session.want("257", None)
                await eventually(lambda: server.requests[2:] == [{"a": "unsubscribe", "v": [257]}])
            assert owner.session.state is State.STOPPED

    asyncio.run(scenario())


def test_requests_keep_the_pace_and_the_batch(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), batch=10)
            tokens = [str(256 * n + 1) for n in range(1, 61)]
            for token in tokens:
                owner.session.want(token, Mode.DEPTH)
            async with owner.running():
                await eventually(lambda: len(owner.asked) == 60)
                assert owner.asked == tokens
                await eventually(lambda: len(server.requests) == 12)
                assert max(len(r["v"]) for r in server.requests) == 10

    asyncio.run(scenario())


def test_a_refused_token_is_told_apart_and_not_hammered(kite, account, eventually, caplog):
    async def scenario():
        async with kite() as server:
            server.status = 403
            owner = Owner(account(server.url))
            with caplog.at_level(logging.INFO):
                async with owner.running():
                    await eventually(lambda: owner.states == [State.NEEDS_TOKEN])
                    await asyncio.sleep(0.05)
            assert owner.states == [State.NEEDS_TOKEN]
            assert "HTTP 403 Incorrect `api_key` or `access_token`." in caplog.text
            assert "next attempt in 300.0 s" in caplog.text

    asyncio.run(scenario())
    assert "token-67890" not in caplog.text


def test_a_server_that_is_not_there_is_tried_for_ever(account, kite, eventually, caplog):
    async def scenario():
        async with kite() as server:
            url = server.url
        owner = Owner(account(url))
        async with owner.running():
            await eventually(lambda: owner.states == [State.BACKOFF])
            assert owner.session.detail.startswith("ConnectionRefusedError")
            await eventually(lambda: len(owner.lost) > 3)
        assert owner.states == [State.BACKOFF]

    asyncio.run(scenario())
    assert len(caplog.records) == 1
    assert "token-67890" not in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense"])
def test_a_bad_address_does_not_show_the_token(account, url, eventually, caplog):
    async def scenario():
        owner = Owner(account(url))
        async with owner.running():
            await eventually(lambda: owner.states)

    asyncio.run(scenario())
    assert "handshake failed: InvalidURI" in caplog.text
    assert "token-67890" not in caplog.text


def test_after_a_drop_everything_is_asked_again(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            owner.session.want("257", Mode.LTP)
            owner.session.want("513", Mode.DEPTH)
            async with owner.running():
                await eventually(lambda: len(owner.asked) == 2)
                await eventually(lambda: len(server.requests) == 4)
                before = list(server.requests)
                await server.sockets[0].close(1011, "maintenance token-67890")
                await eventually(lambda: len(owner.asked) == 4)
                await eventually(lambda: len(server.requests) == 2 * len(before))
                assert server.requests[len(before) :] == before
                assert sorted(owner.lost[0]) == ["257", "513"]
                expected = [State.CONNECTED, State.BACKOFF, State.CONNECTED]
                assert owner.states == expected
                assert owner.counters.reconnects == 1

    asyncio.run(scenario())


def test_a_silent_feed_is_dropped_and_a_heartbeat_keeps_it(kite, account, eventually, caplog):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), silence_s=0.2)
            async with owner.running():
                await eventually(lambda: server.sockets)
                for _ in range(10):
                    await server.send(b"\x00")
                    await asyncio.sleep(0.04)
                assert owner.counters.reconnects == 0
                await eventually(lambda: owner.counters.reconnects == 1)

    asyncio.run(scenario())
    assert "no frame for 0.2 s" in caplog.text


def test_a_malformed_frame_is_counted_and_the_session_lives(
    kite, account, wire, eventually, caplog
):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            async with owner.running():
                await eventually(lambda: server.sockets)
                for _ in range(3):
                    await server.send(b"\x00\x02" + wire.frame(wire.ltp(257, 100))[2:])
                await server.send("no json")
                await server.send('{"type":"message","data":"hello token-67890"}')
                await server.send('{"type":"order","data":{}}')
                await server.send(json.dumps({"type": "order", "data": ORDER}))
                await server.send(wire.frame(wire.ltp(513, 200)))
                await eventually(lambda: len(owner.ticks) == 4)
                counters = owner.counters
                assert (counters.malformed, len(owner.orders)) == (5, 1)
                assert owner.session.state is State.CONNECTED
                assert counters.reconnects == 0

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    assert caplog.text.count("truncated") == 1
    assert "the broker says: hello ***" in caplog.text


def test_a_token_that_dies_in_session(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            async with owner.running():
                await eventually(lambda: server.sockets)
                await server.send('{"type":"error","data":"too many instruments"}')
                await server.send('{"type":"error","data":"TokenException: expired"}')
                await eventually(lambda: owner.session.state is State.NEEDS_TOKEN)
                assert owner.session.detail == "TokenException: expired"
                assert owner.counters.broker_errors == 2

    asyncio.run(scenario())


class LoginCodec(Codec):
    """A broker that wants a login, answers it, pings by text and wants acknowledgements."""

    def handshake(self):
        if self.account.reveal("api_key") == "expired":
            raise BrokerError("expired", "the token is past its time", Verdict.NEEDS_TOKEN)
        return Handshake(url=self.account.url, headers={"X-Key": "1"}, subprotocols=())

    def login(self):
        return ['{"login":1}']

    def ping(self):
        return '{"ping":1}'

    def subscribe(self, tokens, mode):
        return ['{"subscribe":1}']

    def unsubscribe(self, tokens, mode):
        return []

    def read(self, frame, out):
        if frame == "welcome":
            out.events.append(LoggedIn())
        else:
            out.replies.append('{"ack":1}')


LOGIN_BROKER = replace(BROKER, codec=LoginCodec)


def test_nothing_is_asked_before_the_login_is_answered(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), LOGIN_BROKER, login_reply_s=2.0, ping_s=0.05)
            owner.session.want("1", Mode.LTP)
            async with owner.running():
                await eventually(lambda: {"login": 1} in server.requests)
                await server.send("data")
                await eventually(lambda: {"ack": 1} in server.requests)
                await eventually(lambda: {"ping": 1} in server.requests)
                assert {"subscribe": 1} not in server.requests
                assert owner.session.state is State.CONNECTING
                await server.send("welcome")
                await server.send("welcome")
                await eventually(lambda: {"subscribe": 1} in server.requests)
                assert owner.states == [State.CONNECTED]

    asyncio.run(scenario())


def test_an_unanswered_login_is_tried_again(kite, account, eventually, caplog):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), LOGIN_BROKER, login_reply_s=0.1)
            async with owner.running():
                await eventually(lambda: len(server.queries) == 2)

    asyncio.run(scenario())
    assert "login unanswered for 0.1 s" in caplog.text


def test_credentials_that_cannot_work_are_not_sent(eventually):
    async def scenario():
        expired = Account(credentials={"api_key": Secret("expired")}, url="ws://127.0.0.1:1")
        owner = Owner(expired, LOGIN_BROKER)
        async with owner.running():
            await eventually(lambda: owner.states == [State.NEEDS_TOKEN])

    asyncio.run(scenario())


class AskingCodec(LoginCodec):
    """A broker whose address is asked for over HTTP, each time anew."""

    def prepare(self):
        url = self.account.url.replace("ws", "http", 1) + "/instruments"
        return HttpRequest(url=url, headers={"X-Token": self.account.reveal("access_token")})

    def prepared(self, status, body):
        super().prepared(status, body)
        self.path = body.decode()

    def handshake(self):
        return Handshake(url=f"{self.account.url}/{self.path}")

    def login(self):
        return []


ASKING_BROKER = replace(BROKER, codec=AskingCodec)


def test_what_has_to_be_asked_before_each_handshake(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            server.master = "one"
            owner = Owner(account(server.url), ASKING_BROKER)
            async with owner.running():
                await eventually(lambda: server.queries == ["/one"])
                server.master = "two"
                await server.sockets[0].close(1011)
                await eventually(lambda: server.queries == ["/one", "/two"])

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [(401, State.NEEDS_TOKEN, "HTTP 401"), (503, State.BACKOFF, "HTTP 503")],
)
def test_a_refusal_of_what_was_asked(kite, account, eventually, status, state, words):
    async def scenario():
        async with kite() as server:
            server.master_status = status
            server.master = "no token-67890 here"
            owner = Owner(account(server.url), ASKING_BROKER)
            async with owner.running():
                await eventually(lambda: owner.states == [state])
                assert owner.session.detail == f"{words} no *** here"
                assert server.queries == []

    asyncio.run(scenario())


def test_nobody_to_ask(account, eventually, caplog):
    async def scenario():
        owner = Owner(account("ws://127.0.0.1:1"), ASKING_BROKER)
        async with owner.running():
            await eventually(lambda: owner.states == [State.BACKOFF])
            assert owner.session.detail == "no answer over HTTP"

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    assert "token-67890" not in caplog.text


def other(account, url):
    return replace(
        account(url), credentials={"api_key": Secret("k"), "access_token": Secret("new")}
    )


def test_new_credentials_end_the_wait_for_them(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            server.status = 403
            owner = Owner(account(server.url))
            owner.session.want("257", Mode.LTP)
            async with owner.running():
                await eventually(lambda: owner.states == [State.NEEDS_TOKEN])
                server.status = None
                owner.session.renew(other(account, server.url))
                await eventually(lambda: owner.states == [State.NEEDS_TOKEN, State.CONNECTED])
                assert server.queries[-1] == "/?api_key=k&access_token=new"
                await eventually(lambda: owner.asked == ["257"])

    asyncio.run(scenario())


def test_new_credentials_replace_a_connection_that_works(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            owner.session.want("257", Mode.LTP)
            async with owner.running():
                await eventually(lambda: owner.asked == ["257"])
                owner.session.renew(other(account, server.url))
                await eventually(lambda: owner.asked == ["257", "257"])
                assert server.queries[-1] == "/?api_key=k&access_token=new"
                assert State.BACKOFF not in owner.states

    asyncio.run(scenario())


def test_a_feed_without_ticks_is_dropped_while_the_market_is_open(
    kite, account, eventually, caplog
):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), stall_s=0.2)
            async with owner.running():
                await eventually(lambda: server.sockets)
                await asyncio.sleep(0.3)
                assert owner.counters.reconnects == 0
                owner.is_open = True
                while owner.counters.reconnects == 0:
                    with contextlib.suppress(ConnectionClosed):
                        await server.send(b"\x00")
                    await asyncio.sleep(0.02)

    asyncio.run(scenario())
    assert "no tick for 0.2 s while the market is open" in caplog.text


def test_a_defect_in_a_codec_ends_the_session(kite, account):
    class Broken(LoginCodec):
        def read(self, frame, out):
            raise ZeroDivisionError

    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), replace(BROKER, codec=Broken))
            task = asyncio.create_task(owner.session.run())
            await server.connected.wait()
            await server.send("x")
            with pytest.raises(ExceptionGroup) as caught:
                await task
            assert caught.group_contains(ZeroDivisionError)

    asyncio.run(scenario())


def test_stop_while_connecting(account):
    async def scenario():
        async def mute(reader, writer):
            await reader.read()
            writer.close()

        async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            owner = Owner(account(f"ws://127.0.0.1:{port}"))
            async with owner.running():
                await asyncio.sleep(0.05)
            assert owner.session.state is State.STOPPED

    asyncio.run(scenario())
