"""One connection to a broker with logins, questions before them, and new credentials."""

import asyncio
import logging

import pytest
from msgspec.structs import replace
from session_owner import Owner

from adapters.brokers.zerodha.broker import BROKER
from adapters.codec import Account, Codec, Handshake, HttpRequest, LoggedIn
from adapters.connecting.link import State
from adapters.errors import BrokerError, Verdict
from bus.secret import Secret
from bus.topics import Mode


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
